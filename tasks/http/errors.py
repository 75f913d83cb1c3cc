"""Why no complete answer came, in our words."""

import socket
import ssl

import httpx

from models.core.errors import RegistryError, TimedOut, TlsFailed, Unreachable
from models.core.reasons import Reason
from tasks.http import tls


def transport_error(error: Exception, registry: str, method: str, url: str) -> RegistryError:
    """Say in our words why no complete answer came."""
    for cause in _error_chain(error):
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, tls.CONNECTION_CLOSED):
            reason, message = tls.describe_tls_error(cause)
            return TlsFailed(registry, method, url, message, reason)
        if isinstance(cause, socket.gaierror):
            message = "the host name is unknown (DNS)"
            return Unreachable(registry, method, url, message, Reason.UNKNOWN_HOST)
        if isinstance(cause, ConnectionRefusedError):
            message = "nothing listens on this port"
            return Unreachable(registry, method, url, message, Reason.CONNECTION_REFUSED)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return TimedOut(registry, method, url, "no complete answer in time")
    if isinstance(error, httpx.ConnectError):
        return Unreachable(registry, method, url, "no connection")
    return Unreachable(registry, method, url, f"the connection was cut ({type(error).__name__})")


def _error_chain(error: BaseException) -> list[BaseException]:
    """List an error and what led to it, through chains and groups."""
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
