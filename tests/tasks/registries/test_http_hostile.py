"""What a hostile registry answers takes no more memory than an honest one's answer."""

import gzip
import json

import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from deployments.simulators.faults import Fault, FaultInjector, Respond
from models.core.errors import Rejected, ServerError
from models.core.reasons import Reason
from models.registries.registry import Kind
from tasks.http import response as answers
from tasks.registries.harbor.wire import PROJECTS_ADAPTER
from tasks.registries.wire import error_from_response, parse_json, raise_for_status
from tests.support.large_bodies import bounded_memory, encoded_answer, gzip_bomb, nested_bomb
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import (
    PAGE,
    FaultyServer,
    bounds,
    items,
    observe_registry,
    open_client,
    unavailable_reason,
)


async def test_nothing_compressed_is_asked_for(server: FaultyServer) -> None:
    async with server.client() as http:
        await http.get("/x")
    assert server.recorder.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("codings", [("gzip, gzip",), ("gzip", "gzip"), ("gzip, gzip, gzip",)])
@pytest.mark.parametrize("status", [200, 404, 500])
async def test_a_bomb_within_a_bomb_is_refused(
    server: FaultyServer, codings: tuple[str, ...], status: int
) -> None:
    bomb = nested_bomb()
    assert len(bomb) < 2_000
    server.faults.add(Fault(encoded_answer(bomb, *codings, status=status), times=None))
    async with server.client() as http:
        with bounded_memory(), pytest.raises(Rejected, match="which was not requested"):
            await http.get("/x")


async def test_a_bomb_is_refused_as_soon_as_it_is_too_large(server: FaultyServer) -> None:
    server.faults.add(Fault(encoded_answer(gzip_bomb(), "gzip"), times=None))
    async with server.client() as http:
        with bounded_memory(), pytest.raises(Rejected, match="returned more than 2 MB"):
            await http.get("/x")
    assert server.faults.request_counts.total() == 1


async def test_a_proxy_may_compress_once(server: FaultyServer) -> None:
    server.faults.add(Fault(encoded_answer(gzip.compress(b'{"a": 1}'), "gzip")))
    async with server.client() as http:
        assert (await http.get("/x")).body == b'{"a": 1}'


async def test_a_damaged_body_is_asked_for_again(server: FaultyServer) -> None:
    server.faults.add(Fault(encoded_answer(gzip.compress(b"{}")[:-1], "gzip"), times=2))
    async with server.client() as http:
        assert (await http.get("/x")).body == b"{}"
    server.faults.add(Fault(encoded_answer(b"no gzip", "gzip"), times=None))
    async with server.client() as http:
        with pytest.raises(ServerError, match="corrupt gzip"):
            await http.get("/x")


_COUNT = 600_000
_WRONG = {
    "numbers": b"[" + b"0," * _COUNT + b"0]",
    "empty objects": b"[" + b"{}," * _COUNT + b"{}]",
    "free keys": b'[{"project_id": 1, "name": "a", "metadata": {'
    + b",".join(b'"%d":0' % number for number in range(_COUNT))
    + b"}}]",
    "too many values": b"[" + b"0," * 4_000_000 + b"0]",
}


@pytest.mark.parametrize("body", _WRONG.values(), ids=_WRONG.keys())
def test_a_list_of_wrong_items_is_refused_at_the_first(body: bytes) -> None:
    answer = Respond(200, body)
    with bounded_memory(), pytest.raises(ServerError, match="invalid body"):
        parse_json(_received(answer), PROJECTS_ADAPTER)


@pytest.mark.parametrize("item", [b"0", b"{}", b'{"code": 1}', b'{"code": "a"}'])
def test_an_error_with_many_errors_is_only_shortened(item: bytes) -> None:
    body = b'{"errors": [' + (item + b",") * 300_000 + item + b"]}"
    with bounded_memory():
        assert len(error_from_response(_received(Respond(418, body))).message) < 400
    with pytest.raises(Rejected):
        raise_for_status(_received(Respond(418, body)))


def _received(answer: Respond) -> answers.Response:
    return answers.Response("prod", "GET", "https://h/", answer.status, {}, answer.body)


async def test_a_harbor_with_too_many_projects_is_unseen(url: str, faults: FaultInjector) -> None:
    small_bounds = bounds(max_list_items=249)
    async with open_client(url, bounds=small_bounds) as client:
        snapshot = await client.observe()
    assert unavailable_reason(snapshot) is Reason.LIST_TOO_LARGE
    assert not snapshot.spaces.is_complete
    assert "more than 249 items" in snapshot.spaces.message
    assert faults.count(path=r".*/projects\?.*") == 1
    async with open_client(url, bounds=bounds(max_list_items=250)) as client:
        assert len(items(await client.observe())) == 250


async def test_a_total_beyond_all_bounds_is_not_followed(url: str, faults: FaultInjector) -> None:
    answer = Respond(200, b"[]", (("X-Total-Count", "999999999"),))
    faults.add(Fault(answer, path=PAGE.format(1)))
    assert unavailable_reason(await observe_registry(url)) is Reason.LIST_TOO_LARGE
    assert faults.count(path=r".*/projects\?.*") == 1


async def test_the_bytes_of_all_pages_together_are_bounded(url: str) -> None:
    async with open_client(url, bounds=bounds(max_list_bytes=50_000)) as client:
        snapshot = await client.observe()
    assert unavailable_reason(snapshot) is Reason.LIST_TOO_LARGE


async def test_pages_longer_than_asked_for_are_counted(url: str, faults: FaultInjector) -> None:
    rows = [{"project_id": number, "name": f"p{number}"} for number in range(1, 301)]
    answer = Respond(200, json.dumps(rows).encode(), (("X-Total-Count", "250"),))
    faults.add(Fault(answer, path=PAGE.format(2), times=None))
    async with open_client(url, bounds=bounds(max_list_items=350)) as client:
        assert unavailable_reason(await client.observe()) is Reason.LIST_TOO_LARGE


class _Endless:
    """A catalog in which each page leads on to another."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.pages = 0

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/v2/":
            return await Response(b"{}")(scope, receive, send)
        self.pages += 1
        link = f'</v2/_catalog?last={self.pages}>; rel="next"'
        names = [f"{self.pages:04}{name}/app" for name in self.names]
        body = json.dumps({"repositories": names}).encode()
        return await Response(body, headers={"Link": link})(scope, receive, send)


@pytest.mark.parametrize(("names", "pages"), [((), 21), (("a",), 21), (("a", "b"), 11)])
async def test_a_catalog_without_an_end_is_unseen(names: tuple[str, ...], pages: int) -> None:
    registry = _Endless(*names)
    with serving(registry.app) as url:
        async with open_client(url, Kind.DOCKER, None, bounds=bounds(max_list_items=20)) as client:
            assert unavailable_reason(await client.observe()) is Reason.LIST_TOO_LARGE
    assert registry.pages == pages


async def test_a_catalog_of_many_bytes_is_unseen() -> None:
    registry = _Endless("a" * 200)
    with serving(registry.app) as url:
        async with open_client(
            url, Kind.DOCKER, None, bounds=bounds(max_list_bytes=5_000)
        ) as client:
            assert unavailable_reason(await client.observe()) is Reason.LIST_TOO_LARGE


async def test_a_harbor_of_bombs_is_looked_at_and_unseen(url: str, faults: FaultInjector) -> None:
    faults.add(
        Fault(encoded_answer(nested_bomb(), "gzip", "gzip"), path=PAGE.format(2), times=None)
    )
    with bounded_memory():
        assert unavailable_reason(await observe_registry(url)) is Reason.REJECTED
