"""What a hostile cluster, or a proxy before it, answers takes no more memory than allowed."""

import gzip
import json

import pytest

from deployments.simulators.faults import Fault, Respond
from deployments.simulators.kubernetes import SimulatedCluster
from models.core.availability import Unavailable
from models.core.errors import RemoteError
from models.core.reasons import Reason
from tasks.clusters.objects import SecretObject
from tasks.clusters.protocol import ClusterClient
from tests.support.errors import raises_reason
from tests.support.large_bodies import bounded_memory, encoded_answer, gzip_bomb, nested_bomb
from tests.support.simulator_servers import serving
from tests.tasks.clusters.tools import bounds, items, open_client
from tests.tasks.registries.tools import Recorder

NAMESPACES = "/api/v1/namespaces.*"


async def test_nothing_compressed_is_asked_for(cluster: SimulatedCluster) -> None:
    recorder = Recorder()
    with serving(recorder.app) as url:
        cluster.url = url
        async with open_client(cluster) as client:
            await client.observe(())
    assert {request.headers["accept-encoding"] for request in recorder.requests} == {"identity"}


@pytest.mark.parametrize("codings", [("gzip, gzip",), ("gzip", "gzip"), ("gzip, gzip, gzip",)])
async def test_a_bomb_within_a_bomb_is_refused(
    cluster: SimulatedCluster, client: ClusterClient, codings: tuple[str, ...]
) -> None:
    cluster.faults.add(Fault(encoded_answer(nested_bomb(), *codings), path=NAMESPACES, times=None))
    with bounded_memory(), pytest.raises(RemoteError, match="which was not requested"):
        await client.observe(())


async def test_a_bomb_is_refused_as_soon_as_it_is_too_large(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.faults.add(Fault(encoded_answer(gzip_bomb(), "gzip"), path=NAMESPACES, times=None))
    with bounded_memory(), pytest.raises(RemoteError, match="returned more than 8 MB"):
        await client.observe(())
    assert cluster.faults.count(path=NAMESPACES) == 10  # 500, 250, …, 1, metadata


async def test_a_proxy_may_compress_once(cluster: SimulatedCluster, client: ClusterClient) -> None:
    page = b'{"items": [{"metadata": {"name": "shop"}}]}'
    cluster.faults.add(Fault(encoded_answer(gzip.compress(page), "gzip"), path=NAMESPACES))
    assert [namespace.name for namespace in items((await client.observe(())).namespaces)] == [
        "shop"
    ]


async def test_a_damaged_body_may_pass(cluster: SimulatedCluster, client: ClusterClient) -> None:
    cluster.faults.add(Fault(encoded_answer(b"no gzip", "gzip"), path=NAMESPACES, times=None))
    with raises_reason(Reason.SERVER_BROKEN, "corrupt gzip", transient=True):
        await client.observe(())


@pytest.mark.parametrize("limit", [{"max_list_items": 602}, {"max_list_bytes": 50_000}])
async def test_a_list_that_is_too_large_is_unseen(
    cluster: SimulatedCluster, limit: dict[str, int]
) -> None:
    for number in range(600):
        cluster.add_namespace(f"n{number:04}")
    async with open_client(cluster, bounds=bounds(**limit)) as client:
        snapshot = await client.observe(())
    assert isinstance(snapshot.namespaces, Unavailable)
    assert snapshot.namespaces.reason is Reason.LIST_TOO_LARGE
    assert "the list has more than" in snapshot.namespaces.message


@pytest.mark.parametrize(
    "item",
    [
        b"0",
        b"{}",
        b'{"metadata": {"name": "a", "labels": {"a": 1}}}',
        b'{"metadata": {"name": "a", "labels": [1]}}',
    ],
)
async def test_a_list_of_wrong_items_is_refused_at_the_first(
    cluster: SimulatedCluster, client: ClusterClient, item: bytes
) -> None:
    body = b'{"items": [' + (item + b",") * 150_000 + item + b"]}"
    cluster.faults.add(Fault(Respond(200, body), path=NAMESPACES, times=None))
    with bounded_memory(), raises_reason(Reason.SERVER_BROKEN, "invalid body", transient=True):
        await client.observe(())


def test_a_tenant_may_set_any_number_of_labels_and_keys() -> None:
    keys = {f"k{number}": "" for number in range(20_000)}
    secret = {"metadata": {"name": "a", "labels": keys}, "data": keys}
    parsed = SecretObject.model_validate_json(json.dumps(secret))
    assert (len(parsed.metadata.labels), len(parsed.data or {})) == (20_000, 20_000)
