"""A hostile or broken API server cannot make a look last, or grow, without an end."""

import json
from collections.abc import Iterator
from itertools import count

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.faults import Delay, Fault
from deployments.simulators.kubernetes import SimulatedCluster
from models.core.availability import Complete, Unavailable
from models.core.errors import ClusterError
from models.core.reasons import Reason
from tasks.clusters.protocol import ClusterClient
from tests.tasks.clusters.tools import bounds, open_client

NAMESPACES, SECRETS = r"/api/v1/namespaces\?.*", r"/api/v1/secrets\?.*"


class Pages:
    """Answers page after page, with the tokens that it is given."""

    def __init__(self, tokens: Iterator[str]) -> None:
        self._tokens = tokens
        self.asked = 0

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        page = {"metadata": {"continue": next(self._tokens)}, "items": []}
        await Response(json.dumps(page))(scope, receive, send)


def _cycle() -> Iterator[str]:
    while True:
        yield from ("a", "b", "c")


@pytest.mark.parametrize(
    ("tokens", "message", "request_count"),
    [
        (iter(["a", "a"]), "the token for the next page is repeated", 2),
        (_cycle(), "the token for the next page is repeated", 4),
        ((str(number) for number in count()), "the list has more than 20 pages", 21),
        (iter(["x" * 8001]), "the token for the next page has 8,001 characters", 1),
    ],
    ids=["repeated", "in a circle", "always another", "huge"],
)
async def test_a_list_without_an_end_is_unseen(
    cluster: SimulatedCluster, tokens: Iterator[str], message: str, request_count: int
) -> None:
    pages = Pages(tokens)
    cluster.faults.add(Fault(pages, path=SECRETS, times=None))
    async with open_client(cluster, bounds=bounds(max_list_pages=20)) as client:
        snapshot = await client.observe(())
    assert isinstance(snapshot.secrets, Unavailable)
    assert snapshot.secrets.reason in {Reason.PAGES_SHIFTED, Reason.LIST_TOO_LARGE}
    assert message in snapshot.secrets.message
    assert isinstance(snapshot.namespaces, Complete)
    assert pages.asked == request_count


class Dripping(Pages):
    """The same, each a moment later."""

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        async def pages(scope: Scope, receive: Receive, send: Send) -> None:
            await Pages.act(self, app, scope, receive, send)

        await Delay(0.05).act(pages, scope, receive, send)


def dripping() -> Dripping:
    return Dripping(str(number) for number in count())


QUICK_END = bounds(operation_seconds=0.5)


async def test_a_list_that_lasts_is_unseen_and_the_others_are_read(
    cluster: SimulatedCluster,
) -> None:
    cluster.faults.add(Fault(dripping(), path=SECRETS, times=None))
    async with open_client(cluster, bounds=QUICK_END) as client:
        snapshot = await client.observe(())
    assert isinstance(snapshot.secrets, Unavailable)
    assert snapshot.secrets.reason is Reason.TIMED_OUT
    assert snapshot.secrets.message == "the observation took longer than 0.5 s"
    assert isinstance(snapshot.namespaces, Complete)
    assert isinstance(snapshot.service_accounts, Complete)


async def test_without_namespaces_in_time_there_is_no_snapshot(cluster: SimulatedCluster) -> None:
    cluster.faults.add(Fault(dripping(), path=NAMESPACES, times=None))
    async with open_client(cluster, bounds=QUICK_END) as client:
        with pytest.raises(ClusterError, match="the observation took longer") as excinfo:
            await client.observe(())
    assert excinfo.value.reason is Reason.TIMED_OUT


@pytest.mark.parametrize("field", ["name", "namespace", "uid", "resourceVersion"])
async def test_a_huge_name_is_not_taken(
    cluster: SimulatedCluster, client: ClusterClient, field: str
) -> None:
    metadata = {"name": "a", field: "x" * 100_000}
    page = json.dumps({"items": [{"metadata": metadata}]}).encode()

    class Huge:
        async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            await Response(page)(scope, receive, send)

    cluster.faults.add(Fault(Huge(), path=SECRETS, times=None))
    snapshot = await client.observe(())
    assert isinstance(snapshot.secrets, Unavailable)
    assert snapshot.secrets.reason is Reason.SERVER_BROKEN
    assert "string_too_long" in snapshot.secrets.message
