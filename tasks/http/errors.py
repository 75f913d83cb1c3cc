"""Translate the exceptions of a request that got no complete response into `RemoteError`."""

import socket
import ssl
from collections.abc import Mapping

import anyio
import httpcore
import httpx

from models.core.errors import RemoteError, Unreachable
from models.core.reasons import Reason
from tasks.http import tls

_TIMEOUT_ERRORS = (httpx.TimeoutException, httpcore.TimeoutException, TimeoutError)
_CONNECT_ERRORS = (httpx.ConnectError, httpcore.ConnectError)
_CONNECTION_ERRORS = (
    httpx.HTTPError,
    httpx.StreamError,
    httpx.CookieConflict,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.ConnectionNotAvailable,
    anyio.BrokenResourceError,
    anyio.BusyResourceError,
    anyio.ClosedResourceError,
    anyio.DelimiterNotFound,
    anyio.EndOfStream,
    anyio.IncompleteRead,
    anyio.WouldBlock,
    OSError,
)
_REQUEST_ERRORS = (
    httpx.InvalidURL,
    httpx.UnsupportedProtocol,
    httpcore.UnsupportedProtocol,
    UnicodeError,
)
_CAUSES = (
    (socket.gaierror, Reason.UNKNOWN_HOST, "the host name cannot be resolved (DNS)"),
    (
        ConnectionRefusedError,
        Reason.CONNECTION_REFUSED,
        "connection refused: no server listens on this port",
    ),
)
"""Causes of an error, with their reason and message."""

_ERRORS: tuple[tuple[tuple[type[Exception], ...], Reason, str], ...] = (
    (_TIMEOUT_ERRORS, Reason.TIMED_OUT, "no complete response within the time limit"),
    (_REQUEST_ERRORS, Reason.REJECTED, "the request is not valid ({})"),
    (_CONNECT_ERRORS, Reason.UNREACHABLE, "the connection could not be established"),
    (_CONNECTION_ERRORS, Reason.UNREACHABLE, "the connection was closed unexpectedly ({})"),
)
"""Errors without a known cause, with their reason and message; the first match counts."""

_UNREACHABLE_REASONS = (Reason.UNREACHABLE, Reason.UNKNOWN_HOST, Reason.CONNECTION_REFUSED)


def transport_error(
    error: Exception,
    target: str,
    method: str,
    url: str,
    tls_advice: Mapping[Reason, str],
    *,
    shows_certificate: bool = False,
) -> RemoteError:
    """Return the error for a request that got no complete response.

    Every exception is translated, so that an observation ends with a reason; an exception that no
    library is known to raise has the reason `Unforeseen` and is not retried.

    Args:
        error: the exception.
        target: the server, for the error.
        method: HTTP method of the request.
        url: URL of the request, without credentials.
        tls_advice: what to do about a certificate that is not trusted, by reason.
        shows_certificate: whether the server was shown a client certificate.
    """
    reason, message = _describe(error, tls_advice, shows_certificate=shows_certificate)
    error_class = Unreachable if reason in _UNREACHABLE_REASONS else RemoteError
    return error_class(target, method, url, message, reason)


def _describe(
    error: Exception, tls_advice: Mapping[Reason, str], *, shows_certificate: bool
) -> tuple[Reason, str]:
    for cause in _error_chain(error):
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, tls.CONNECTION_CLOSED):
            return tls.describe_tls_error(cause, tls_advice, shows_certificate=shows_certificate)
        for cause_class, reason, message in _CAUSES:
            if isinstance(cause, cause_class):
                return reason, message
    for error_classes, reason, message in _ERRORS:
        if isinstance(error, error_classes):
            return reason, message.format(type(error).__name__)
    return Reason.UNFORESEEN, f"unexpected {type(error).__name__} while the request was sent"


def _error_chain(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue:
        cause = queue.pop()
        if cause is None or cause in causes:
            continue
        causes.append(cause)
        queue += [cause.__cause__, cause.__context__]
        if isinstance(cause, BaseExceptionGroup):
            queue += cause.exceptions
    return causes
