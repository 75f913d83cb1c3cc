"""The one HTTP client: whom it tells what, how often it asks, and when it gives up."""

import pytest
from starlette.responses import Response

from deployments.simulators.asgi import request_target
from deployments.simulators.faults import (
    CutConnection,
    Delay,
    EndlessBody,
    Fault,
    HugeBody,
    Redirect,
    Respond,
)
from deployments.simulators.server import get_closed_url
from models.core.errors import (
    RegistryError,
    Rejected,
    ServerError,
    Throttled,
    TimedOut,
    Unreachable,
)
from tasks.registries.http import RegistryHttpClient
from tests.support.builders import registry
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import AUTH, QUICK, FaultyServer, Recorder, bounds


async def test_what_is_sent(server: FaultyServer) -> None:
    async with server.client() as http:
        response = await http.get("/x", {"q": "a=b c"}, headers={"X-Own": "1"})
        await http.get("/y", anonymous=True)
        assert http.requests == 2
    assert (response.status, response.body, response.method) == (200, b"{}", "GET")
    assert "hunter2" not in response.url
    first, second = server.recorder.requests
    assert request_target(first.scope) == "/x?q=a%3Db+c"
    assert first.headers["accept"] == "application/json"
    assert first.headers["x-own"] == "1"
    assert first.headers["authorization"].startswith("Basic ")
    assert "authorization" not in second.headers


async def test_another_origin_gets_no_authorization(server: FaultyServer) -> None:
    other_server = Recorder()
    with serving(other_server.app) as other:
        async with server.client() as http:
            await http.send("GET", "/token", origin=other)
            await http.send("GET", "/token", origin=other, headers={"Authorization": "own"})
    assert [request.headers.get("authorization") for request in other_server.requests] == [
        None,
        "own",
    ]
    assert server.recorder.requests == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(server: FaultyServer, status: int) -> None:
    other_server = Recorder()
    with serving(other_server.app) as other:
        server.faults.add(Fault(Redirect(f"{other}/x", status)))
        async with server.client() as http:
            assert (await http.get("/x")).status == status
    assert other_server.requests == []


async def test_cookies_are_never_kept() -> None:
    reply = Response(b"{}")
    for cookie in ("sid=1; Path=/; HttpOnly", "csrf=2"):
        reply.headers.append("Set-Cookie", cookie)
    recorder = Recorder(reply)
    with serving(recorder.app) as url:
        async with RegistryHttpClient(registry(address=url), QUICK, AUTH) as http:
            for _ in range(3):
                await http.send("POST", "/x", json={})
    assert len(recorder.requests) == 3
    assert all("cookie" not in request.headers for request in recorder.requests)


async def test_no_proxy_or_netrc_of_this_machine_is_used(
    server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, get_closed_url())
    async with server.client() as http:
        assert (await http.get("/x")).status == 200


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_passing_faults_pass(server: FaultyServer, status: int) -> None:
    server.faults.add(Fault(Respond(status), times=2))
    async with server.client() as http:
        assert (await http.get("/x")).status == 200
        assert http.requests == 3


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 422, 501])
async def test_any_other_answer_is_final(server: FaultyServer, status: int) -> None:
    server.faults.add(Fault(Respond(status), times=None))
    async with server.client() as http:
        assert (await http.get("/x")).status == status
        assert http.requests == 1


@pytest.mark.parametrize(
    ("action", "kind", "message"),
    [
        (Respond(429), Throttled, "answered 429"),
        (Respond(502, b"<html>", (("Content-Type", "text/html"),)), ServerError, "a web page"),
        (CutConnection(), Unreachable, "the connection was closed unexpectedly"),
        (Delay(5), TimedOut, "no complete response within the time limit"),
        (EndlessBody(pause=0.02), TimedOut, "no complete response within the time limit"),
    ],
)
async def test_after_three_tries_it_is_an_error(
    server: FaultyServer, action: Respond | CutConnection, kind: type[RegistryError], message: str
) -> None:
    server.faults.add(Fault(action, times=None))
    async with server.client(bounds(read_seconds=0.2, request_seconds=0.4)) as http:
        with pytest.raises(kind, match=message):
            await http.get("/x")
        assert http.requests == 3


@pytest.mark.parametrize("action", [EndlessBody(b"x" * 100_000, pause=0), HugeBody(2_000_001)])
async def test_an_answer_too_large_is_not_asked_for_again(
    server: FaultyServer, action: HugeBody
) -> None:
    server.faults.add(Fault(action, times=None))
    async with server.client() as http:
        with pytest.raises(Rejected, match="returned more than 2 MB"):
            await http.get("/x")
        assert http.requests == 1


async def test_what_must_not_be_repeated_is_sent_once(server: FaultyServer) -> None:
    server.faults.add(Fault(CutConnection(), times=None))
    async with server.client() as http:
        with pytest.raises(Unreachable):
            await http.send("POST", "/x", json={}, repeatable=False)
    assert server.faults.request_counts.total() == 1


@pytest.mark.parametrize(("after", "tries"), [("1", 3), ("20", 3), ("21", 1), ("3600", 1)])
async def test_a_long_retry_after_ends_it(server: FaultyServer, after: str, tries: int) -> None:
    server.faults.add(Fault(Respond(429, headers=(("Retry-After", after),)), times=None))
    async with server.client() as http:
        with pytest.raises(Throttled) as excinfo:
            await http.get("/x")
    assert excinfo.value.retry_after == float(after)
    assert server.faults.request_counts.total() == tries


async def test_answers_of_the_largest_size_are_read(server: FaultyServer) -> None:
    server.faults.add(Fault(HugeBody(2_000_000)))
    async with server.client() as http:
        assert len((await http.get("/x")).body) == 2_000_000
