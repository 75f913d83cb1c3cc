"""Each fault as a client sees it on a real socket."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from deployments.simulators.faults import (
    CutConnection,
    Delay,
    EndlessBody,
    Fault,
    FaultInjector,
    GatewayTimeout,
    HugeBody,
    Redirect,
    Respond,
    RunCallback,
    TruncateBody,
)
from deployments.simulators.server import run_server

BODY = json.dumps({"items": list(range(100))}).encode()


_service = Response(BODY, media_type="application/json")


class _BodyRecorder:
    """A service that keeps the bodies of its requests."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.bodies.append(await Request(scope, receive).body())
        await Response(status_code=201)(scope, receive, send)


@contextmanager
def _send_raw(url: str, request: bytes) -> Iterator[None]:
    """Send a request, and hang up when the block ends."""
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port or 80)) as connection:
        connection.sendall(request)
        yield


@pytest.fixture(scope="module")
def faulty_service() -> Iterator[tuple[FaultInjector, str]]:
    faults = FaultInjector(_service)
    with run_server(faults) as url:
        yield faults, url


@pytest.fixture
def faults(faulty_service: tuple[FaultInjector, str]) -> FaultInjector:
    faulty_service[0].clear()
    faulty_service[0].request_counts.clear()
    return faulty_service[0]


@pytest.fixture
def client(faulty_service: tuple[FaultInjector, str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=faulty_service[1], timeout=5) as client:
        yield client


def _statuses(client: httpx.Client, number: int, path: str = "/a?n=1") -> list[int]:
    return [client.get(path).status_code for _ in range(number)]


def test_without_rules_it_is_transparent(faults: FaultInjector, client: httpx.Client) -> None:
    assert client.get("/a?n=1").content == BODY
    assert faults.request_counts == {"GET /a?n=1": 1}


def test_a_rule_lets_some_pass_then_acts_some_times(
    faults: FaultInjector, client: httpx.Client
) -> None:
    faults.add(Fault(Respond(502), after=1, times=2))
    assert _statuses(client, 5) == [200, 502, 502, 200, 200]


def test_for_ever_until_cleared(faults: FaultInjector, client: httpx.Client) -> None:
    faults.add(Fault(Respond(503), times=None))
    assert _statuses(client, 3) == [503, 503, 503]
    faults.clear()
    assert _statuses(client, 1) == [200]


def test_rules_are_spent_in_order(faults: FaultInjector, client: httpx.Client) -> None:
    faults.add(Fault(Respond(429)))
    faults.add(Fault(Respond(502)))
    assert _statuses(client, 3) == [429, 502, 200]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", r"/a\?n=1", 500),
        ("GET", r"/a", 200),
        ("POST", None, 200),
        (None, r"/.*", 500),
    ],
)
def test_matching(
    faults: FaultInjector, client: httpx.Client, method: str | None, path: str | None, status: int
) -> None:
    faults.add(Fault(Respond(500), method=method, path=path))
    assert client.get("/a?n=1").status_code == status


def test_the_path_is_matched_as_sent(faults: FaultInjector, client: httpx.Client) -> None:
    faults.add(Fault(Respond(500), path=r"/team%252Fdeep"))
    assert client.get("/team%252Fdeep").status_code == 500
    assert faults.count("GET", r"/team.*") == 1
    assert faults.count("PUT") == 0


def test_answer_keeps_body_and_headers(faults: FaultInjector, client: httpx.Client) -> None:
    faults.add(Fault(Respond(429, b"slow down", (("Retry-After", "7"),))))
    response = client.post("/a", content=b"x" * 100_000)
    assert (response.status_code, response.text, response.headers["retry-after"]) == (
        429,
        "slow down",
        "7",
    )


def test_delay_passes_on(faults: FaultInjector, client: httpx.Client) -> None:
    faults.add(Fault(Delay(0.2)))
    began = time.monotonic()
    assert client.get("/a").content == BODY
    assert time.monotonic() - began >= 0.2


def test_delay_beyond_the_read_timeout(faults: FaultInjector, client: httpx.Client) -> None:
    faults.add(Fault(Delay(2)))
    with pytest.raises(httpx.ReadTimeout):
        client.get("/a", timeout=0.1)


@pytest.mark.parametrize("body", [b"", b"x" * 1_000_000])
def test_late_it_is_done_when_released(body: bytes) -> None:
    recorder, late = _BodyRecorder(), GatewayTimeout()
    faults = FaultInjector(recorder)
    faults.add(Fault(late))
    with run_server(faults) as url:
        assert httpx.post(url, content=body).status_code == 504
        assert recorder.bodies == []
        late.complete()
    assert recorder.bodies == [body]


def test_a_request_is_done_whole_although_its_client_has_gone() -> None:
    """An app that takes its time reads the body after the client has left."""
    recorder, arrived, go = _BodyRecorder(), threading.Event(), threading.Event()

    async def wait() -> None:
        arrived.set()
        await asyncio.to_thread(go.wait, 30)

    faults = FaultInjector(recorder)
    faults.add(Fault(RunCallback(wait)))
    with run_server(faults) as url:
        with _send_raw(url, b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"):
            assert arrived.wait(30)
        assert httpx.get(url).status_code == 201  # by now the server knows that the client left
        go.set()
    assert recorder.bodies == [b"", b"body"]


def test_a_request_that_did_not_arrive_whole_is_not_done(
    faults: FaultInjector, client: httpx.Client, faulty_service: tuple[FaultInjector, str]
) -> None:
    with _send_raw(
        faulty_service[1], b"POST /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"
    ):
        pass
    assert client.get("/a").content == BODY
    assert faults.request_counts == {"GET /a": 1}


@pytest.mark.parametrize("after_bytes", [0, 10, 1_000_000])
def test_cut_drops_the_connection(
    faults: FaultInjector, client: httpx.Client, after_bytes: int
) -> None:
    faults.add(Fault(CutConnection(after_bytes)))
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        client.get("/a")
    assert client.get("/a").content == BODY


def test_cut_promises_the_real_length_and_sends_so_much(
    faults: FaultInjector, client: httpx.Client
) -> None:
    faults.add(Fault(CutConnection(10)))
    received = b""
    with client.stream("GET", "/a") as response:
        assert response.headers["content-length"] == str(len(BODY))
        with pytest.raises(httpx.RemoteProtocolError):
            for chunk in response.iter_raw():
                received += chunk
    assert received == BODY[:10]


async def test_cut_looks_the_same_in_process() -> None:
    faults = FaultInjector(_service)
    faults.add(Fault(CutConnection(10)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(faults)) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("http://simulator/a")


def test_truncate_is_sound_http_and_broken_json(
    faults: FaultInjector, client: httpx.Client
) -> None:
    faults.add(Fault(TruncateBody()))
    response = client.get("/a")
    assert response.content == BODY[: len(BODY) // 2]
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_endless_goes_on_until_the_client_leaves(
    faults: FaultInjector, client: httpx.Client
) -> None:
    faults.add(Fault(EndlessBody(b"[", 0.01)))
    with client.stream("GET", "/a", timeout=1) as response:
        chunks = [chunk for chunk, _ in zip(response.iter_raw(), range(5), strict=False)]
    assert set(b"".join(chunks)) == set(b"[")
    assert client.get("/a").content == BODY


def test_endless_has_a_bound(faults: FaultInjector, client: httpx.Client) -> None:
    faults.add(Fault(EndlessBody(b"x", 0.01, max_seconds=0.1)))
    assert set(client.get("/a").content) == set(b"x")


def test_huge_is_json_of_the_size_asked(faults: FaultInjector, client: httpx.Client) -> None:
    faults.add(Fault(HugeBody(300_000)))
    response = client.get("/a")
    assert len(response.content) == 300_000
    assert len(response.json()[0]) == 300_000 - 4
    assert "content-length" not in response.headers


def test_huge_stops_when_the_client_leaves(faults: FaultInjector, client: httpx.Client) -> None:
    faults.add(Fault(HugeBody(10**12)))
    with client.stream("GET", "/a") as response:
        assert next(response.iter_raw()).startswith(b'["')
    assert client.get("/a").content == BODY


def test_redirect(faults: FaultInjector, client: httpx.Client) -> None:
    faults.add(Fault(Redirect("http://elsewhere.test/login")))
    response = client.get("/a")
    assert (response.status_code, response.headers["location"]) == (
        302,
        "http://elsewhere.test/login",
    )


def test_call_may_change_the_world_between_pages(
    faults: FaultInjector, client: httpx.Client
) -> None:
    calls: list[str] = []

    async def later() -> None:
        calls.append("async")

    faults.add(Fault(RunCallback(lambda: calls.append("plain"))))
    faults.add(Fault(RunCallback(later)))
    assert _statuses(client, 3) == [200, 200, 200]
    assert calls == ["plain", "async"]
