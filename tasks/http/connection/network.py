"""Guarded connections to discovered addresses, which no person entered.

The host name is resolved, the IP addresses are checked, and the connection is made to a checked IP
address. A check of the name alone is not enough: the name may resolve to another address a moment
later.
"""

import asyncio
import select
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

import httpcore

from models.core.network import Network, forbidden_reason
from models.registries.address import Address

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class BlockedAddressError(Exception):
    """A host name resolves only to IP addresses that are not allowed.

    Attributes:
        message: the blocked IP address and the reason.
        advice: what to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__(f"{message}: {self.advice}")
        self.message = message

    advice = (
        "correct the address of the managed Harbor or, if the address is correct, add its network "
        "to REGISTRY_INTEGRATION_ALLOWED_NETWORKS"
    )


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Decides which IP addresses a client may connect to.

    Attributes:
        allowed: networks that the settings allow.
        trusted_endpoints: hosts and ports that a person entered; they are not checked.
    """

    allowed: tuple[Network, ...] = ()
    trusted_endpoints: frozenset[tuple[str, int]] = frozenset()

    async def resolve(self, host: str, port: int) -> list[str]:
        """Resolve a host name and return its allowed IP addresses.

        Raises:
            socket.gaierror: the name cannot be resolved.
            BlockedAddressError: the name resolves, but no address is allowed.
        """
        entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        if (host, port) in self.trusted_endpoints:
            return addresses
        errors = {address: forbidden_reason(address, self.allowed) for address in addresses}
        allowed = [address for address, error in errors.items() if not error]
        if not allowed:
            raise BlockedAddressError(_blocked_message(host, errors))
        return allowed


async def open_streams(
    target: Address, guard: AddressGuard | None, context: ssl.SSLContext | None = None
) -> Streams:
    """Open one connection, with TLS if a context is given.

    Raises:
        OSError: the connection failed.
        BlockedAddressError: no address of the host is allowed.
    """
    if guard is None:
        return await asyncio.open_connection(target.host, target.port, ssl=context)
    error: OSError | None = None
    for address in await guard.resolve(target.host, target.port):
        try:
            return await asyncio.open_connection(
                address, target.port, ssl=context, server_hostname=target.host if context else None
            )
        except ssl.SSLError:
            raise
        except OSError as exception:
            error = exception
    raise error or OSError("no address")


class ProxyConnectionError(Exception):
    """No connection to the proxy; the cause is the exception of httpcore."""


class Backend(httpcore.AsyncNetworkBackend):
    """Connects to the IP addresses that a guard allows.

    TLS (SNI and verification) and the Host header still use the host name, not the IP address.

    Args:
        guard: checks the IP address of each connection; None checks none.
        proxy: the proxy that all connections are made to; None connects to servers.
    """

    def __init__(self, guard: AddressGuard | None, proxy: httpcore.Proxy | None = None) -> None:
        self._guard, self._proxy = guard, proxy
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - signature of the library
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect, if there is a guard to one of the IP addresses that it allows.

        Raises:
            ProxyConnectionError: the proxy cannot be connected to.
        """
        try:
            stream = await self._connect(host, port, timeout, local_address, socket_options)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            if self._proxy is None:
                raise
            raise ProxyConnectionError from error
        return _Stream(stream, self._proxy.ssl_context if self._proxy else None)

    async def _connect(
        self,
        host: str,
        port: int,
        timeout: float | None,  # noqa: ASYNC109 - signature of the library
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.AsyncNetworkStream:
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in await self._resolve(host, port, timeout):
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")

    async def _resolve(self, host: str, port: int, seconds: float | None) -> list[str]:
        if self._guard is None:
            return [host]
        try:
            async with asyncio.timeout(seconds):
                return await self._guard.resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - signature of the library
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raise: no server is reached over a Unix socket."""
        raise httpcore.ConnectError("no address")

    async def sleep(self, seconds: float) -> None:
        """Wait between attempts."""
        await asyncio.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A stream that answers quickly whether its server has closed it.

    For each request, the pool asks this of every idle connection. The stream of anyio reads all
    attributes of the socket each time: writing 1,000 pull secrets took 10 to 20 % longer.
    """

    def __init__(
        self, stream: httpcore.AsyncNetworkStream, proxy_context: ssl.SSLContext | None = None
    ) -> None:
        self._stream, self._proxy_context = stream, proxy_context
        self._socket: socket.socket | None = stream.get_extra_info("socket")

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Read bytes; see `httpcore.AsyncNetworkStream`."""
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Write bytes; see `httpcore.AsyncNetworkStream`."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - signature of the library
    ) -> httpcore.AsyncNetworkStream:
        """Start TLS; see `httpcore.AsyncNetworkStream`.

        Raises:
            ProxyConnectionError: the handshake with the proxy failed, not that with the server.
        """
        # An IPv6 address behind a proxy is in brackets, which no certificate contains.
        host = server_hostname.strip("[]") if server_hostname else server_hostname
        try:
            return _Stream(await self._stream.start_tls(ssl_context, host, timeout))
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            if ssl_context is self._proxy_context:
                raise ProxyConnectionError from error
            raise

    def get_extra_info(self, info: str) -> object:
        """Return information about the stream; see `httpcore.AsyncNetworkStream`."""
        if info != "is_readable" or self._socket is None:
            return self._stream.get_extra_info(info)
        descriptor = self._socket.fileno()
        if descriptor < 0:
            return True  # closed
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))


def _blocked_message(host: str, errors: dict[str, str]) -> str:
    address, error = next(iter(errors.items()))
    return f"{host} resolves to {address} ({error}), which is not allowed for discovered addresses"
