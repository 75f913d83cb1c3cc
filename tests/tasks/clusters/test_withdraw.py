"""Pull secrets are deleted: exactly what was seen, and never a foreign one."""

import pytest

from deployments.simulators.faults import Call, Fault
from deployments.simulators.kubernetes import EmulatedCluster
from models.core.errors import ClusterError
from models.core.reasons import Reason
from tasks.clusters.protocol import ClusterClient
from tests.tasks.clusters.tools import SECRET_PATH, delivered, seen_secret, withdraw


async def test_withdraw(cluster: EmulatedCluster, client: ClusterClient) -> None:
    await delivered(client)
    seen = await seen_secret(client)
    assert seen is not None
    outcome = await client.make(withdraw(seen), {})
    assert (outcome.done, outcome.reason) == (True, Reason.DONE)
    assert cluster.raw_secret("shop") is None
    again = await client.make(withdraw(seen), {})
    assert (again.done, again.reason) == (True, Reason.ALREADY_SO)


async def test_withdraw_one_that_changed_and_is_still_ours(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    await delivered(client)
    seen = await seen_secret(client)
    assert seen is not None
    cluster.edit_secret("shop", {"auths": {}})
    assert (await client.make(withdraw(seen), {})).reason == Reason.DONE
    assert cluster.raw_secret("shop") is None


async def test_withdraw_never_takes_another_one(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    await delivered(client)
    seen = await seen_secret(client)
    assert seen is not None
    cluster.delete_secret("shop")
    cluster.foreign_secret("shop")
    outcome = await client.make(withdraw(seen), {})
    assert (outcome.done, outcome.reason) == (False, Reason.FOREIGN_SECRET)
    assert cluster.raw_secret("shop") is not None


async def test_withdraw_one_that_lost_our_mark(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    await delivered(client)
    seen = await seen_secret(client)
    assert seen is not None
    cluster.relabel_secret("shop", {})
    assert (await client.make(withdraw(seen), {})).reason == Reason.FOREIGN_SECRET


async def test_withdraw_one_that_goes_before_it_is_looked_at(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    await delivered(client)
    seen = await seen_secret(client)
    assert seen is not None
    cluster.edit_secret("shop", {"auths": {}})
    gone = Call(lambda: cluster.delete_secret("shop"))
    cluster.faults.add(Fault(gone, method="GET", path=SECRET_PATH))
    assert (await client.make(withdraw(seen), {})).reason == Reason.ALREADY_SO


async def test_withdraw_where_the_namespace_went(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    await delivered(client)
    seen = await seen_secret(client)
    assert seen is not None
    cluster.delete_namespace("shop")
    assert (await client.make(withdraw(seen), {})).reason == Reason.ALREADY_SO


async def test_withdraw_while_somebody_edits_all_the_time(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    await delivered(client)
    seen = await seen_secret(client)
    assert seen is not None
    busy = Call(lambda: cluster.edit_secret("shop", {"auths": {}}))
    cluster.faults.add(Fault(busy, method="DELETE", times=None))
    with pytest.raises(ClusterError) as caught:
        await client.make(withdraw(seen), {})
    assert caught.value.reason == Reason.CONFLICT
