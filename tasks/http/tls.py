"""TLS contexts for registries, and messages for certificate errors."""

import ssl
from functools import lru_cache

import certifi

from models.core.reasons import Reason
from models.registries.registry import CustomCA, SkipVerify, SystemCA

TlsMode = SystemCA | CustomCA | SkipVerify

_ADD_CA_ADVICE = "add the CA certificate as 'Own certificate authority'"
_WRONG_NAME = Reason.WRONG_HOST_NAME, "use a host name that the certificate is issued for"
_UNKNOWN_CA = Reason.UNKNOWN_AUTHORITY, _ADD_CA_ADVICE
_BY_CODE = {
    2: _UNKNOWN_CA,
    9: (Reason.TLS_UNTRUSTED, "compare the clocks of the registry and this machine"),
    10: (Reason.CERTIFICATE_EXPIRED, "renew the certificate of the registry"),
    18: (Reason.SELF_SIGNED, f"{_ADD_CA_ADVICE} (here: the server certificate itself)"),
    19: _UNKNOWN_CA,
    20: _UNKNOWN_CA,
    21: _UNKNOWN_CA,
    62: _WRONG_NAME,
    64: _WRONG_NAME,
}
"""By OpenSSL verification result, https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/"""

CONNECTION_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""TLS errors of a closed connection; they are unrelated to the certificate."""


@lru_cache(maxsize=64)
def registry_tls_context(trust: TlsMode) -> ssl.SSLContext:
    """Return the TLS context for one registry, cached by TLS mode."""
    context = ssl.create_default_context()
    if isinstance(trust, SkipVerify):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context.load_verify_locations(certifi.where())  # slim containers have no system CA bundle
    if isinstance(trust, CustomCA):
        context.load_verify_locations(cadata=trust.bundle)
    return context


def describe_tls_error(error: ssl.SSLError) -> tuple[Reason, str]:
    """Return the reason of a failed TLS handshake, and a message with advice."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return Reason.TLS_UNTRUSTED, (
            f"TLS handshake failed ({getattr(error, 'reason', '') or 'connection closed'}): "
            "check that this is an https address"
        )
    default = Reason.TLS_UNTRUSTED, "install a valid certificate on the registry"
    reason, advice = _BY_CODE.get(error.verify_code, default)
    return reason, f"{error.verify_message}: {advice}"
