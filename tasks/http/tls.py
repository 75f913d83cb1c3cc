"""TLS contexts, and messages for certificate errors."""

import ssl
from collections.abc import Mapping
from functools import lru_cache

import certifi

from models.core.reasons import Reason

_NOT_YET_VALID = 9
_REASONS = {
    2: Reason.UNKNOWN_AUTHORITY,
    10: Reason.CERTIFICATE_EXPIRED,
    18: Reason.SELF_SIGNED,
    19: Reason.UNKNOWN_AUTHORITY,
    20: Reason.UNKNOWN_AUTHORITY,
    21: Reason.UNKNOWN_AUTHORITY,
    62: Reason.WRONG_HOST_NAME,
    64: Reason.WRONG_HOST_NAME,
}
"""By OpenSSL verification result, https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/"""

_TLS_MISSING = (
    Reason.TLS_MISSING,
    "the server does not answer with TLS",
    "if it serves plain http on this port, use an address with http://",
)
_VERSION_OUTDATED = (
    Reason.TLS_VERSION_OUTDATED,
    "the server supports only outdated versions of TLS",
    "enable TLS 1.2 or later on the server",
)
CERTIFICATE_REQUIRED = (
    Reason.CLIENT_CERTIFICATE_REQUIRED,
    "the server requires a client certificate",
    "save it as a client-certificate block and select it as client certificate of the registry, or "
    "allow access without one",
)
CERTIFICATE_REFUSED = (
    Reason.CLIENT_CERTIFICATE_REFUSED,
    "the server refuses the client certificate",
    "issue it by a CA that the server trusts for its clients, and select it as client certificate "
    "of the registry",
)
"""Reason, message and advice about client certificates."""
_HANDSHAKE_FAILURES = {
    "WRONG_VERSION_NUMBER": _TLS_MISSING,
    "HTTP_REQUEST": _TLS_MISSING,
    "RECORD_LAYER_FAILURE": _TLS_MISSING,
    "PACKET_LENGTH_TOO_LONG": _TLS_MISSING,
    "UNSUPPORTED_PROTOCOL": _VERSION_OUTDATED,
    "VERSION_TOO_LOW": _VERSION_OUTDATED,
    "TLSV1_ALERT_PROTOCOL_VERSION": _VERSION_OUTDATED,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": CERTIFICATE_REQUIRED,
    "SSLV3_ALERT_BAD_CERTIFICATE": CERTIFICATE_REQUIRED,  # Go, with TLS 1.2 and without one
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": CERTIFICATE_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": CERTIFICATE_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": CERTIFICATE_REFUSED,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": CERTIFICATE_REFUSED,
    "TLSV1_ALERT_UNKNOWN_CA": CERTIFICATE_REFUSED,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": (
        Reason.TLS_UNTRUSTED,
        "the server refused the TLS handshake",
        "check its ciphers, and whether it requires another client certificate",
    ),
    "TLSV1_UNRECOGNIZED_NAME": (
        Reason.WRONG_HOST_NAME,
        "the server does not serve this host name",
        "use a host name that it is configured for",
    ),
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": _VERSION_OUTDATED,
    "DH_KEY_TOO_SMALL": (
        Reason.TLS_UNTRUSTED,
        "the key exchange of the server is too weak",
        "configure 2048 bits or more, or ECDHE, on the server",
    ),
}
"""By OpenSSL's name of the error; alerts can also arrive after the handshake (RFC 8446, 6.2)."""

CONNECTION_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""TLS errors of a closed connection; they are unrelated to the certificate."""


def new_tls_context(
    authority: str = "", *, trust_system: bool = True, verified: bool = True
) -> ssl.SSLContext:
    """Return a new TLS context; creating one takes 30 ms or more.

    Args:
        authority: CA certificates to trust, as PEM text.
        trust_system: whether the CAs of this machine are trusted as well.
        verified: whether the server's certificate is verified.
    """
    context = ssl.create_default_context(cadata=None if trust_system else authority)
    # Certificates are judged as by docker and kubectl, which are written in Go: CAs that the
    # default rejects since Python 3.13 are accepted, an intermediate CA can be trusted by itself,
    # and the common name does not count as a host name.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    if trust_system:
        context.load_verify_locations(certifi.where())  # slim containers have no system CA bundle
        if authority:
            context.load_verify_locations(cadata=authority)
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


tls_context = lru_cache(maxsize=256)(new_tls_context)
"""Returns the TLS context of `new_tls_context`, cached by its arguments."""


def describe_tls_error(
    error: ssl.SSLError, advice_by_reason: Mapping[Reason, str], *, shows_certificate: bool = False
) -> tuple[Reason, str]:
    """Return the reason of a TLS error, and a message with advice.

    Args:
        error: the exception of the handshake, or of an alert after it.
        advice_by_reason: what to do about the certificate, by reason.
        shows_certificate: whether the server was shown a client certificate.
    """
    if not isinstance(error, ssl.SSLCertVerificationError):
        name = getattr(error, "reason", "") or "connection closed"
        failure = f"TLS handshake failed ({name})", "check that this is an https address"
        reason, text, advice = _HANDSHAKE_FAILURES.get(name, (Reason.TLS_UNTRUSTED, *failure))
        if shows_certificate and reason is Reason.CLIENT_CERTIFICATE_REQUIRED:
            reason, text, advice = CERTIFICATE_REFUSED  # the alerts of Go are the same
        if reason is not Reason.TLS_UNTRUSTED:
            advice = advice_by_reason.get(reason, advice)
        return reason, f"{text}: {advice}"
    code = getattr(error, "verify_code", None)  # both are set by OpenSSL's own errors only
    text = getattr(error, "verify_message", "") or "the certificate cannot be verified"
    reason = _REASONS.get(code, Reason.TLS_UNTRUSTED) if code else Reason.TLS_UNTRUSTED
    advice = advice_by_reason.get(reason, "install a valid certificate on the server")
    if code == _NOT_YET_VALID:
        advice = "compare the clocks of the server and this machine"
    return reason, f"{text}: {advice}"
