"""Client certificates: what a server that requires one is shown."""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import Certificate, load_pem_x509_certificates
from pydantic import SecretStr

from models.core.reasons import Reason


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate with its private key, in memory only.

    Attributes:
        certificate: the certificate and its intermediate certificates, as PEM text; empty if there
            is an error.
        key: the private key, as PEM text without a passphrase; empty if there is an error.
        error: why it cannot be used, and what to do; empty if it can.
        error_reason: reason of the error.
    """

    certificate: str
    key: SecretStr
    error: str = ""
    error_reason: Reason = Reason.CLIENT_CERTIFICATE_INVALID


def certificate_error(certificate: str, key: SecretStr, now: datetime) -> str:
    """Return why a certificate and its key cannot be used, and what to do; empty if they can.

    Args:
        certificate: PEM text, the client's own certificate first.
        key: PEM text.
        now: current time (UTC).
    """
    text = key.get_secret_value()
    if "ENCRYPTED" in text:
        return (
            "its private key is encrypted: save it without a passphrase, for example the output of "
            "`openssl pkey -in client.key`"
        )
    try:
        own_certificate = load_pem_x509_certificates(certificate.encode())[0]
    except ValueError:
        return "it has no valid certificate: paste PEM text with BEGIN and END CERTIFICATE"
    try:
        public_key = load_pem_private_key(text.encode(), None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "it has no valid private key: paste PEM text with BEGIN and END PRIVATE KEY"
    encoding = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if public_key.public_bytes(*encoding) != own_certificate.public_key().public_bytes(*encoding):
        return (
            "its private key does not belong to its (first) certificate: paste the key that the "
            "certificate was issued for"
        )
    return _validity_error(own_certificate, now) or _openssl_error(certificate, key)


def _validity_error(certificate: Certificate, now: datetime) -> str:
    if now > certificate.not_valid_after_utc:
        return (
            f"its certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC: "
            "save a renewed one"
        )
    if now < certificate.not_valid_before_utc:
        return (
            f"its certificate is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M}"
            " UTC: compare the clocks of its issuer and of this machine"
        )
    return ""


def _openssl_error(certificate: str, key: SecretStr) -> str:
    try:
        load_client_certificate(
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ClientCertificate(certificate, key)
        )
    except ssl.SSLError as error:
        return f"OpenSSL does not accept it ({error.reason}): issue another one"
    return ""


def load_client_certificate(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Let a TLS context show a certificate to servers that require one.

    Raises:
        ssl.SSLError: OpenSSL does not accept the certificate or the key.
    """
    with _readable_path(f"{certificate.key.get_secret_value()}\n{certificate.certificate}") as path:
        context.load_cert_chain(path, password=_no_passphrase)


def _no_passphrase() -> str:
    return ""  # without it, OpenSSL would ask at the terminal


@contextmanager
def _readable_path(text: str) -> Iterator[str]:
    # OpenSSL reads a key from a path only. In memory where that can be: a file on disk could stay
    # behind when the process is killed.
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):  # noqa: PTH112 - no file
        descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.NamedTemporaryFile("w") as file:  # readable for its owner only
            file.write(text)
            file.flush()
            yield file.name
