"""How much the one HTTP client asks at once, and when it gives up on a registry."""

import asyncio
import ssl
from dataclasses import dataclass, field

import pytest
import trustme
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.faults import CutConnection, Fault, FaultInjector
from deployments.simulators.server import get_closed_url, run_server
from models.core.errors import CircuitOpen, Unreachable
from models.core.reasons import Reason
from models.core.settings import Settings
from models.registries.registry import SkipVerify
from tasks.concurrency import gather_all
from tasks.http.client import HttpClient
from tasks.http.limits import ClientLimits
from tasks.registries.server import registry_server
from tests.support.builders import registry
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import AUTH, QUICK, FaultyServer, Recorder, bounds


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://no-such-host.invalid", Reason.UNKNOWN_HOST),
        ("", Reason.CONNECTION_REFUSED),
    ],
    ids=["no host", "no port"],
)
async def test_nobody_there_and_not_asked_again(url: str, reason: Reason) -> None:
    url = url or get_closed_url()
    async with HttpClient(registry_server(registry(address=url)), QUICK, AUTH) as http:
        with pytest.raises(Unreachable) as excinfo:
            await http.get("/x")
        assert (excinfo.value.reason, http.requests) == (reason, 3)
        for _ in range(5):
            with pytest.raises(CircuitOpen, match="requests are paused"):
                await http.get("/y")
        assert http.requests == 3


async def test_after_a_rest_it_is_asked_again(server: FaultyServer) -> None:
    server.faults.add(Fault(CutConnection(), times=3))
    async with server.client() as http:
        for error in (Unreachable, CircuitOpen):
            with pytest.raises(error):
                await http.get("/x")
        await asyncio.sleep(1.6)
        assert (await http.get("/x")).status == 200


async def test_the_short_circuit_counts_failures_in_a_row_only(server: FaultyServer) -> None:
    server.faults.add(Fault(CutConnection(), path="/bad", times=None))
    async with server.client() as http:
        for _ in range(4):
            with pytest.raises(Unreachable):
                await http.send("POST", "/bad", repeatable=False)
            await http.get("/good")
        assert http.requests == 8


async def test_many_side_by_side_ask_a_dead_registry_only_a_few_times() -> None:
    async with HttpClient(registry_server(registry(address=get_closed_url())), QUICK, AUTH) as http:
        with pytest.raises(Unreachable):
            await gather_all(*(http.get(f"/{number}") for number in range(50)))
        assert http.requests <= 3 + QUICK.max_concurrency


@dataclass
class _Crowd:
    """Counts how many are inside at once."""

    peak: int = 0
    inside: int = field(default=0)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.inside += 1
        self.peak = max(self.peak, self.inside)
        await asyncio.sleep(0.01)
        self.inside -= 1
        await Recorder().app(scope, receive, send)


@pytest.mark.parametrize("at_once", [1, 4])
async def test_never_more_at_once_than_allowed(at_once: int) -> None:
    crowd = _Crowd()
    app: ASGIApp = crowd.app
    with serving(app) as url:
        async with HttpClient(
            registry_server(registry(address=url)), bounds(max_concurrency=at_once), AUTH
        ) as http:
            await gather_all(*(http.get(f"/{number}") for number in range(20)))
    assert crowd.peak == at_once


async def test_hung_up_during_the_handshake_is_no_bad_certificate() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        HttpClient(registry_server(registry(address=f"https://127.0.0.1:{port}")), QUICK) as http,
    ):
        with pytest.raises(Unreachable):
            await http.get("/x")


async def test_an_idle_connection_that_the_server_closed_is_not_used_again() -> None:
    """A request that must not be repeated would fail on it."""

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
    target = registry(address=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server, HttpClient(registry_server(target), QUICK, AUTH) as http:
        for _ in range(3):
            assert (await http.send("POST", "/x", repeatable=False)).status == 200
            await asyncio.sleep(0.1)  # until the end of the connection has arrived


async def test_cut_over_tls_is_no_bad_certificate() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    faults = FaultInjector(Recorder().app)
    faults.add(Fault(CutConnection(), times=None))
    with run_server(faults, ssl_context=context) as url:
        target = registry(address=url, tls=SkipVerify())
        async with HttpClient(registry_server(target), QUICK, AUTH) as http:
            with pytest.raises(Unreachable, match="the connection was closed unexpectedly"):
                await http.get("/x")


def test_bounds_of_the_settings() -> None:
    bounds = ClientLimits.for_registry(
        Settings(requests_at_once=2, connect_seconds=1, read_seconds=7)
    )
    assert (bounds.max_concurrency, bounds.connect_seconds, bounds.read_seconds) == (2, 1, 7)
    assert bounds.request_seconds == 14
