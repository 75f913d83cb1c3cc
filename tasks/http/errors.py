"""Why no complete answer came, in our words."""

import socket
import ssl

import httpx

from models.core.errors import RegistryError, TimedOut, TlsFailed, Unreachable
from models.core.reasons import Reason
from tasks.http import tls


def translated(error: Exception, registry: str, method: str, url: str) -> RegistryError:
    """Say in our words why no complete answer came."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, tls.CUT):
            reason, said = tls.refusal(cause)
            return TlsFailed(registry, method, url, said, reason)
        if isinstance(cause, socket.gaierror):
            said = "the host name is unknown (DNS)"
            return Unreachable(registry, method, url, said, Reason.UNKNOWN_HOST)
        if isinstance(cause, ConnectionRefusedError):
            said = "nothing listens on this port"
            return Unreachable(registry, method, url, said, Reason.CONNECTION_REFUSED)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return TimedOut(registry, method, url, "no complete answer in time")
    if isinstance(error, httpx.ConnectError):
        return Unreachable(registry, method, url, "no connection")
    return Unreachable(registry, method, url, f"the connection was cut ({type(error).__name__})")


def _causes(error: BaseException) -> list[BaseException]:
    """List an error and what led to it, through chains and groups."""
    found: list[BaseException] = []
    open_: list[BaseException | None] = [error]
    while open_:
        one = open_.pop()
        if one is None or one in found:
            continue
        found.append(one)
        open_ += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            open_ += one.exceptions
    return found
