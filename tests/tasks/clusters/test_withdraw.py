"""Pull secrets are deleted: exactly what was seen, and never a foreign one."""

import pytest

from deployments.simulators.faults import Fault, RunCallback
from deployments.simulators.kubernetes import SimulatedCluster
from models.core.errors import RemoteError
from models.core.reasons import Reason
from tasks.clusters.protocol import ClusterClient
from tests.tasks.clusters.tools import SECRET_LISTS, apply_write, delete_secret, read_secret


async def test_withdraw(cluster: SimulatedCluster, client: ClusterClient) -> None:
    await apply_write(client)
    secret = await read_secret(client)
    assert secret is not None
    outcome = await client.apply_change(delete_secret(secret), {})
    assert (outcome.succeeded, outcome.reason) == (True, Reason.DONE)
    assert cluster.raw_secret("shop") is None
    second_outcome = await client.apply_change(delete_secret(secret), {})
    assert (second_outcome.succeeded, second_outcome.reason) == (True, Reason.UNCHANGED)


async def test_withdraw_one_that_changed_and_is_still_ours(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    await apply_write(client)
    secret = await read_secret(client)
    assert secret is not None
    cluster.edit_secret("shop", {"auths": {}})
    assert (await client.apply_change(delete_secret(secret), {})).reason == Reason.DONE
    assert cluster.raw_secret("shop") is None


async def test_withdraw_never_takes_another_one(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    await apply_write(client)
    secret = await read_secret(client)
    assert secret is not None
    cluster.delete_secret("shop")
    cluster.add_foreign_secret("shop")
    outcome = await client.apply_change(delete_secret(secret), {})
    assert (outcome.succeeded, outcome.reason) == (False, Reason.FOREIGN_SECRET)
    assert cluster.raw_secret("shop") is not None


async def test_withdraw_one_that_lost_our_mark(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    await apply_write(client)
    secret = await read_secret(client)
    assert secret is not None
    cluster.relabel_secret("shop", {})
    assert (await client.apply_change(delete_secret(secret), {})).reason == Reason.FOREIGN_SECRET


async def test_withdraw_one_that_goes_before_it_is_looked_at(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    await apply_write(client)
    secret = await read_secret(client)
    assert secret is not None
    cluster.edit_secret("shop", {"auths": {}})
    deletion = RunCallback(lambda: cluster.delete_secret("shop"))
    cluster.faults.add(Fault(deletion, method="GET", path=SECRET_LISTS))
    assert (await client.apply_change(delete_secret(secret), {})).reason == Reason.UNCHANGED


async def test_withdraw_where_the_namespace_went(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    await apply_write(client)
    secret = await read_secret(client)
    assert secret is not None
    cluster.delete_namespace("shop")
    assert (await client.apply_change(delete_secret(secret), {})).reason == Reason.UNCHANGED


async def test_withdraw_while_somebody_edits_all_the_time(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    await apply_write(client)
    secret = await read_secret(client)
    assert secret is not None
    busy = RunCallback(lambda: cluster.edit_secret("shop", {"auths": {}}))
    cluster.faults.add(Fault(busy, method="DELETE", times=None))
    with pytest.raises(RemoteError) as excinfo:
        await client.apply_change(delete_secret(secret), {})
    assert excinfo.value.reason == Reason.CONFLICT
