"""The one HTTP client: whom it tells what, how often it asks, and when it gives up."""

import pytest

from deployments.simulators.asgi import Reply
from deployments.simulators.faults import Answer, Cut, Delay, Endless, Fault, Huge, Redirect
from deployments.simulators.server import closed_port_url
from models.core.errors import (
    RegistryError,
    Rejected,
    ServerBroken,
    Throttled,
    TimedOut,
    Unreachable,
)
from tasks.registries.http import HttpClient
from tests.support.builders import registry
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import AUTH, QUICK, Recorder, World, bounds


async def test_what_is_sent(world: World) -> None:
    async with world.client() as http:
        answer = await http.get("/x", {"q": "a=b c"}, headers={"X-Own": "1"})
        await http.get("/y", anonymous=True)
        assert http.requests == 2
    assert (answer.status, answer.body, answer.method) == (200, b"{}", "GET")
    assert "hunter2" not in answer.url
    first, second = world.recorder.requests
    assert first.target == "/x?q=a%3Db+c"
    assert first.headers["accept"] == "application/json"
    assert first.headers["x-own"] == "1"
    assert first.headers["authorization"].startswith("Basic ")
    assert "authorization" not in second.headers


async def test_another_origin_gets_no_authorization(world: World) -> None:
    elsewhere = Recorder()
    with serving(elsewhere.app) as other:
        async with world.client() as http:
            await http.send("GET", "/token", origin=other)
            await http.send("GET", "/token", origin=other, headers={"Authorization": "own"})
    assert [one.headers.get("authorization") for one in elsewhere.requests] == [None, "own"]
    assert world.recorder.requests == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(world: World, status: int) -> None:
    elsewhere = Recorder()
    with serving(elsewhere.app) as other:
        world.faults.add(Fault(Redirect(f"{other}/x", status)))
        async with world.client() as http:
            assert (await http.get("/x")).status == status
    assert elsewhere.requests == []


async def test_cookies_are_never_kept() -> None:
    cookie = (("Set-Cookie", "sid=1; Path=/; HttpOnly"), ("Set-Cookie", "csrf=2"))
    recorder = Recorder(Reply(200, b"{}", cookie))
    with serving(recorder.app) as url:
        async with HttpClient(registry(address=url), QUICK, AUTH) as http:
            for _ in range(3):
                await http.send("POST", "/x", json={})
    assert len(recorder.requests) == 3
    assert all("cookie" not in one.headers for one in recorder.requests)


async def test_no_proxy_or_netrc_of_this_machine_is_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, closed_port_url())
    async with world.client() as http:
        assert (await http.get("/x")).status == 200


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_passing_faults_pass(world: World, status: int) -> None:
    world.faults.add(Fault(Answer(status), times=2))
    async with world.client() as http:
        assert (await http.get("/x")).status == 200
        assert http.requests == 3


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 422, 501])
async def test_any_other_answer_is_final(world: World, status: int) -> None:
    world.faults.add(Fault(Answer(status), times=None))
    async with world.client() as http:
        assert (await http.get("/x")).status == status
        assert http.requests == 1


@pytest.mark.parametrize(
    ("action", "kind", "said"),
    [
        (Answer(429), Throttled, "answered 429"),
        (Answer(502, b"<html>", (("Content-Type", "text/html"),)), ServerBroken, "a web page"),
        (Cut(), Unreachable, "the connection was cut"),
        (Delay(5), TimedOut, "no complete answer in time"),
        (Endless(pause=0.02), TimedOut, "no complete answer in time"),
    ],
)
async def test_after_three_tries_it_is_an_error(
    world: World, action: Answer | Cut, kind: type[RegistryError], said: str
) -> None:
    world.faults.add(Fault(action, times=None))
    async with world.client(bounds(read_seconds=0.2, request_seconds=0.4)) as http:
        with pytest.raises(kind, match=said):
            await http.get("/x")
        assert http.requests == 3


@pytest.mark.parametrize("action", [Endless(b"x" * 100_000, pause=0), Huge(2_000_001)])
async def test_an_answer_too_large_is_not_asked_for_again(world: World, action: Huge) -> None:
    world.faults.add(Fault(action, times=None))
    async with world.client() as http:
        with pytest.raises(Rejected, match="answered more than 2 MB"):
            await http.get("/x")
        assert http.requests == 1


async def test_what_must_not_be_repeated_is_sent_once(world: World) -> None:
    world.faults.add(Fault(Cut(), times=None))
    async with world.client() as http:
        with pytest.raises(Unreachable):
            await http.send("POST", "/x", json={}, repeatable=False)
    assert world.faults.seen.total() == 1


@pytest.mark.parametrize(("after", "tries"), [("1", 3), ("20", 3), ("21", 1), ("3600", 1)])
async def test_a_long_retry_after_ends_it(world: World, after: str, tries: int) -> None:
    world.faults.add(Fault(Answer(429, headers=(("Retry-After", after),)), times=None))
    async with world.client() as http:
        with pytest.raises(Throttled) as caught:
            await http.get("/x")
    assert caught.value.retry_after == float(after)
    assert world.faults.seen.total() == tries


async def test_answers_of_the_largest_size_are_read(world: World) -> None:
    world.faults.add(Fault(Huge(2_000_000)))
    async with world.client() as http:
        assert len((await http.get("/x")).body) == 2_000_000
