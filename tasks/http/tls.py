"""TLS: whom to trust, and what a refused certificate means in words."""

import ssl
from functools import lru_cache

import certifi

from models.core.reasons import Reason
from models.registries.registry import NoVerification, OwnAuthority, SystemTrust

Trust = SystemTrust | OwnAuthority | NoVerification

_ADD = "add the authority's certificate as 'Own certificate authority'"
_NAME = Reason.WRONG_HOST_NAME, "use the name that the certificate is for"
_AUTHORITY = Reason.UNKNOWN_AUTHORITY, _ADD
_BY_CODE = {
    2: _AUTHORITY,
    9: (Reason.TLS_UNTRUSTED, "compare the clocks of the registry and this machine"),
    10: (Reason.CERTIFICATE_EXPIRED, "renew the certificate of the registry"),
    18: (Reason.SELF_SIGNED, f"{_ADD} (here: the certificate itself)"),
    19: _AUTHORITY,
    20: _AUTHORITY,
    21: _AUTHORITY,
    62: _NAME,
    64: _NAME,
}
"""By OpenSSL's verification result, https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/"""

CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""TLS's words for a connection that ended; they say nothing about the certificate."""


@lru_cache(maxsize=64)
def context_for(trust: Trust) -> ssl.SSLContext:
    """Build the TLS context for one registry.

    The machine's own authorities count, and certifi's with them, as slim containers have none.
    """
    context = ssl.create_default_context()
    if isinstance(trust, NoVerification):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context.load_verify_locations(certifi.where())
    if isinstance(trust, OwnAuthority):
        context.load_verify_locations(cadata=trust.bundle)
    return context


def refusal(error: ssl.SSLError) -> tuple[Reason, str]:
    """Say why a TLS handshake failed, and what to do about it."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return Reason.TLS_UNTRUSTED, (
            f"TLS handshake failed ({getattr(error, 'reason', '') or 'cut off'}): "
            "is this an https address?"
        )
    sound = Reason.TLS_UNTRUSTED, "have a sound certificate issued for the registry"
    reason, advice = _BY_CODE.get(error.verify_code, sound)
    return reason, f"{error.verify_message}: {advice}"
