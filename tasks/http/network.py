"""Connections to addresses that nobody typed: resolved, checked, and then made to what was checked.

A check of the name alone would not do: it may resolve to something else a moment later.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

import httpcore
import httpx

from models.core.network import Network, forbidden_reason
from models.core.settings import get_settings
from models.registries.address import Address, parse_address
from models.registries.registry import Registry, RegistryOrigin

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class BlockedAddressError(Exception):
    """No IP address that a name leads to may be connected to.

    Attributes:
        message: which one, and why not.
        advice: what to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__(f"{message}: {self.advice}")
        self.message = message

    advice = (
        "correct the address of the managed Harbor; or, if that is where it is, add the network to "
        "REGISTRY_INTEGRATION_ALLOWED_NETWORKS"
    )


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Decides which IP addresses may be connected to.

    Attributes:
        allowed: networks that a setting allows.
        trusted_endpoints: hosts and ports that a person gave; they are not checked.
    """

    allowed: tuple[Network, ...] = ()
    trusted_endpoints: frozenset[tuple[str, int]] = frozenset()

    async def resolve(self, host: str, port: int) -> list[str]:
        """Resolve a name, and return the IP addresses that may be connected to.

        Raises:
            socket.gaierror: the name is unknown.
            AddressForbidden: there are some, and none is allowed.
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


def address_guard_for(registry: Registry) -> AddressGuard | None:
    """Return what guards the connections to a registry; None where a person typed its address."""
    if registry.origin is not RegistryOrigin.MANAGED:
        return None
    service = registry.token_service
    exempt_addresses = [parse_address(service)] if service else []
    return AddressGuard(
        allowed=get_settings().networks,
        trusted_endpoints=frozenset((address.host, address.port) for address in exempt_addresses),
    )


def guarded_transport(
    guard: AddressGuard, context: ssl.SSLContext, limits: httpx.Limits
) -> httpx.AsyncBaseTransport:
    """Return a transport whose every connection is guarded.

    TLS still names and verifies the host, not the IP address, and so does the Host header.
    """
    transport = httpx.AsyncHTTPTransport(verify=context, limits=limits, trust_env=False)
    # httpx has no argument for it; the pool's own is public.
    transport._pool = httpcore.AsyncConnectionPool(
        ssl_context=context,
        max_connections=limits.max_connections,
        max_keepalive_connections=limits.max_keepalive_connections,
        keepalive_expiry=limits.keepalive_expiry,
        network_backend=_GuardedBackend(guard),
    )
    return transport


async def open_streams(
    target: Address, guard: AddressGuard | None, context: ssl.SSLContext | None = None
) -> Streams:
    """Open one connection, with TLS if there is a context for it.

    Raises:
        OSError: there is no connection.
        AddressForbidden: there must not be one.
    """
    if guard is None:
        return await asyncio.open_connection(target.host, target.port, ssl=context)
    name = target.host if context else None
    error: OSError | None = None
    for address in await guard.resolve(target.host, target.port):
        try:
            return await asyncio.open_connection(
                address, target.port, ssl=context, server_hostname=name
            )
        except ssl.SSLError:
            raise
        except OSError as exception:
            error = exception
    raise error or OSError("no address")


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as the library has it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to one of the IP addresses that were checked."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._guard.resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in addresses:
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - as the library has it
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no registry is there."""
        raise httpcore.ConnectError("no address")

    async def sleep(self, seconds: float) -> None:
        """Wait between tries."""
        await asyncio.sleep(seconds)


def _blocked_message(host: str, errors: dict[str, str]) -> str:
    address, error = next(iter(errors.items()))
    return f"{host} leads to {address} ({error}), where no discovered address may lead"
