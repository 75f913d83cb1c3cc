"""Translate transport errors of httpx into registry errors."""

import socket
import ssl

import httpx

from models.core.errors import RegistryError, TimedOut, TlsFailed, Unreachable
from models.core.reasons import Reason
from tasks.http import tls


def transport_error(error: Exception, registry: str, method: str, url: str) -> RegistryError:
    """Return the registry error for a request that got no complete response.

    Args:
        error: the exception that httpx or asyncio raised.
        registry: name of the registry.
        method: HTTP method of the request.
        url: URL of the request, without credentials.
    """
    for cause in _error_chain(error):
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, tls.CONNECTION_CLOSED):
            reason, message = tls.describe_tls_error(cause)
            return TlsFailed(registry, method, url, message, reason)
        if isinstance(cause, socket.gaierror):
            message = "the host name cannot be resolved (DNS)"
            return Unreachable(registry, method, url, message, Reason.UNKNOWN_HOST)
        if isinstance(cause, ConnectionRefusedError):
            message = "connection refused: no server listens on this port"
            return Unreachable(registry, method, url, message, Reason.CONNECTION_REFUSED)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return TimedOut(registry, method, url, "no complete response within the time limit")
    if isinstance(error, httpx.ConnectError):
        return Unreachable(registry, method, url, "the connection could not be established")
    message = f"the connection was closed unexpectedly ({type(error).__name__})"
    return Unreachable(registry, method, url, message)


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
