"""Where a discovered address leads is checked on the connection itself, not on the name."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme

from deployments.simulators.server import run_server
from models.core.errors import Unreachable
from models.core.network import LOOPBACK_NETWORKS
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.condition import ConditionStatus
from models.registries.health import checks_from_error, first_failure
from models.registries.registry import CustomCA, Registry, RegistryOrigin
from tasks.http.client import HttpClient
from tasks.http.connection.network import AddressGuard, BlockedAddressError
from tasks.registries.handshake import check_connection
from tasks.registries.server import registry_address_guard, registry_server
from tests.support.builders import registry
from tests.support.errors import raises_reason
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import AUTH, QUICK, Recorder

Names = dict[str, list[str]]
ALLOWED = "REGISTRY_INTEGRATION_ALLOWED_NETWORKS"


@pytest.fixture(autouse=True)
def allow_networks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Allow no network more than the product does; a test may allow some."""

    def allow(networks: str) -> None:
        monkeypatch.setenv(ALLOWED, networks)
        get_settings.cache_clear()

    allow("")
    yield allow
    get_settings.cache_clear()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """What DNS says of some names: each time the next address, the last one again and again."""
    addresses: Names = {}
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in addresses:
            return real(host, port, *args, **kwargs)
        address = addresses[host].pop(0) if len(addresses[host]) > 1 else addresses[host][0]
        return [
            entry
            for ip_address in address.split()
            for entry in real(ip_address, port, type=socket.SOCK_STREAM)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return addresses


@asynccontextmanager
async def _count_connections() -> AsyncIterator[tuple[int, list[None]]]:
    """A port on which connections are counted and closed."""
    connections: list[None] = []

    async def count(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(None)
        writer.close()

    server = await asyncio.start_server(count, ["127.0.0.1"], 0)
    async with server:
        yield server.sockets[0].getsockname()[1], connections


def _discovered(address: str, **overrides: Any) -> Registry:
    return registry(address=address, origin=RegistryOrigin.MANAGED, **overrides)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.2", "localhost", "0.0.0.0"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_discovered_address_leads_to_no_loopback(host: str, scheme: str) -> None:
    async with _count_connections() as (port, connections):
        target = _discovered(f"{scheme}://{host}:{port}")
        failure = first_failure(await check_connection(target, 2))
        async with HttpClient(registry_server(target), QUICK, AUTH) as http:
            with raises_reason(Reason.ADDRESS_FORBIDDEN, ALLOWED) as excinfo:
                await http.get("/x")
        assert http.requests == 1
    assert connections == []
    assert failure is not None
    assert (failure.reason, failure.confirmed) == (Reason.ADDRESS_FORBIDDEN, True)
    assert "which is not allowed for discovered addresses" in failure.message
    assert ALLOWED in failure.advice
    (verdict,) = checks_from_error(excinfo.value)
    assert (verdict.status, verdict.reason) == (ConditionStatus.FALSE, Reason.ADDRESS_FORBIDDEN)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "169.254.3.4", "fe80::1"]
)
async def test_nor_to_what_only_this_machine_may_ask(names: Names, address: str) -> None:
    names["harbor.example.com"] = [address]
    target = _discovered("https://harbor.example.com")
    async with HttpClient(registry_server(target), QUICK, AUTH) as http:
        with raises_reason(Reason.ADDRESS_FORBIDDEN, r"harbor\.example\.com resolves to"):
            await http.get("/x")
    failure = first_failure(await check_connection(target, 2))
    assert failure is not None
    assert failure.reason is Reason.ADDRESS_FORBIDDEN


async def test_a_name_that_leads_elsewhere_the_next_time_is_checked_again(names: Names) -> None:
    async with _count_connections() as (port, connections):
        names["harbor.example.com"] = ["192.0.2.1", "127.0.0.1"]
        target = _discovered(f"http://harbor.example.com:{port}")
        failure = first_failure(await check_connection(target, 0.2))
        async with HttpClient(registry_server(target), QUICK, AUTH) as http:
            with raises_reason(Reason.ADDRESS_FORBIDDEN):
                await http.get("/x")
    assert failure is not None
    assert connections == []


async def test_of_several_addresses_only_those_allowed_are_used(
    names: Names, allow_networks: Callable[[str], None]
) -> None:
    allow_networks("127.0.0.1/32")
    recorder = Recorder()
    with serving(recorder.app) as url:
        port = url.rpartition(":")[2]
        names["harbor.example.com"] = ["127.0.0.2 127.0.0.1"]
        target = _discovered(f"http://harbor.example.com:{port}")
        assert first_failure(await check_connection(target, 2)) is None
        async with HttpClient(registry_server(target), QUICK, AUTH) as http:
            assert (await http.get("/x")).status == 200
    assert recorder.requests[0].headers["host"] == f"harbor.example.com:{port}"


async def test_an_address_that_a_person_gave_is_not_checked() -> None:
    with serving(Recorder().app) as url:
        assert first_failure(await check_connection(registry(address=url), 2)) is None
        async with HttpClient(registry_server(registry(address=url)), QUICK, AUTH) as http:
            assert (await http.get("/x")).status == 200


async def test_a_setting_allows_it(allow_networks: Callable[[str], None]) -> None:
    allow_networks(LOOPBACK_NETWORKS)
    with serving(Recorder().app) as url:
        assert first_failure(await check_connection(_discovered(url), 2)) is None
        async with HttpClient(registry_server(_discovered(url)), QUICK, AUTH) as http:
            assert (await http.get("/x")).status == 200


async def test_the_certificate_is_still_that_of_the_name(
    names: Names, allow_networks: Callable[[str], None]
) -> None:
    allow_networks(LOOPBACK_NETWORKS)
    authority = trustme.CA()
    trust = CustomCA(bundle=authority.cert_pem.bytes().decode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("harbor.example.com").configure_cert(context)
    server_names: list[str | None] = []
    context.sni_callback = lambda _, name, __: server_names.append(name)
    names["harbor.example.com"] = names["other.example.com"] = ["127.0.0.1"]
    with run_server(Recorder().app, ssl_context=context) as url:
        port = url.rpartition(":")[2]
        good = _discovered(f"https://harbor.example.com:{port}", tls=trust)
        assert first_failure(await check_connection(good, 2)) is None
        async with HttpClient(registry_server(good), QUICK, AUTH) as http:
            assert (await http.get("/x")).status == 200
        failure = first_failure(
            await check_connection(_discovered(f"https://other.example.com:{port}", tls=trust), 2)
        )
    assert set(server_names) == {"harbor.example.com", "other.example.com"}
    assert failure is not None
    assert failure.reason is Reason.WRONG_HOST_NAME


@pytest.mark.parametrize(
    ("host", "reason"),
    [("no-such-host.invalid", Reason.UNKNOWN_HOST), ("{closed}", Reason.CONNECTION_REFUSED)],
)
async def test_other_faults_are_what_they_were(
    allow_networks: Callable[[str], None], host: str, reason: Reason
) -> None:
    allow_networks(LOOPBACK_NETWORKS)
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = f"127.0.0.1:{free.getsockname()[1]}"
    target = _discovered(f"http://{host.format(closed=closed)}")
    async with HttpClient(registry_server(target), QUICK, AUTH) as http:
        with pytest.raises(Unreachable) as excinfo:
            await http.get("/x")
    assert excinfo.value.reason is reason
    failure = first_failure(await check_connection(target, 2))
    assert failure is not None
    assert failure.reason is reason


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0"])
async def test_no_other_spelling_gets_through(host: str) -> None:
    with pytest.raises(BlockedAddressError):
        await AddressGuard().resolve(host, 80)


async def test_a_token_service_that_a_person_named_is_not_checked(names: Names) -> None:
    names["auth.example.com"] = ["127.0.0.1"]
    guard = registry_address_guard(
        _discovered("http://harbor.test", token_service="http://auth.example.com:5001")
    )
    assert guard is not None
    assert await guard.resolve("auth.example.com", 5001) == ["127.0.0.1"]
    with pytest.raises(BlockedAddressError):
        await guard.resolve("auth.example.com", 5002)
