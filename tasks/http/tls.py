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
    # Since Python 3.13 the default rejects CAs that kubectl and docker accept.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
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
    error: ssl.SSLError, advice_by_reason: Mapping[Reason, str]
) -> tuple[Reason, str]:
    """Return the reason of a failed TLS handshake, and a message with advice.

    Args:
        error: the exception of the handshake.
        advice_by_reason: what to do about the certificate, by reason.
    """
    if not isinstance(error, ssl.SSLCertVerificationError):
        return Reason.TLS_UNTRUSTED, (
            f"TLS handshake failed ({getattr(error, 'reason', '') or 'connection closed'}): "
            "check that this is an https address"
        )
    code = getattr(error, "verify_code", None)  # both are set by OpenSSL's own errors only
    text = getattr(error, "verify_message", "") or "the certificate cannot be verified"
    reason = _REASONS.get(code, Reason.TLS_UNTRUSTED) if code else Reason.TLS_UNTRUSTED
    advice = advice_by_reason.get(reason, "install a valid certificate on the server")
    if code == _NOT_YET_VALID:
        advice = "compare the clocks of the server and this machine"
    return reason, f"{text}: {advice}"
