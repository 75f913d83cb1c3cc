"""The pull secret is added to the default ServiceAccount, and other people's entries stay."""

import pytest

from deployments.simulators.faults import Call, Cut, Fault
from deployments.simulators.kubernetes import EmulatedCluster
from models.core.errors import ClusterError
from models.core.reasons import Reason
from tasks.clusters.protocol import ClusterClient
from tests.tasks.clusters.tools import LINK, UNLINK

OURS = "registry-integration"


async def test_link(cluster: EmulatedCluster, client: ClusterClient) -> None:
    outcome = await client.make(LINK, {})
    assert (outcome.done, outcome.reason) == (True, Reason.DONE)
    assert cluster.image_pull_secrets("shop") == (OURS,)


async def test_link_again_writes_nothing(cluster: EmulatedCluster, client: ClusterClient) -> None:
    await client.make(LINK, {})
    cluster.requests.clear()
    assert (await client.make(LINK, {})).reason == Reason.ALREADY_SO
    assert cluster.requests.writes() == []


async def test_others_stay(cluster: EmulatedCluster, client: ClusterClient) -> None:
    cluster.set_image_pull_secrets("shop", "a", "b")
    assert (await client.make(LINK, {})).done
    assert cluster.image_pull_secrets("shop") == ("a", "b", OURS)
    assert (await client.make(UNLINK, {})).reason == Reason.DONE
    assert cluster.image_pull_secrets("shop") == ("a", "b")


async def test_unlink(cluster: EmulatedCluster, client: ClusterClient) -> None:
    await client.make(LINK, {})
    assert (await client.make(UNLINK, {})).reason == Reason.DONE
    assert cluster.image_pull_secrets("shop") == ()
    assert (await client.make(UNLINK, {})).reason == Reason.ALREADY_SO


async def test_unlink_takes_out_every_entry_of_ours(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    cluster.set_image_pull_secrets("shop", OURS, "a", OURS)
    assert (await client.make(UNLINK, {})).done
    assert cluster.image_pull_secrets("shop") == ("a",)


@pytest.mark.parametrize("change", [LINK, UNLINK])
async def test_somebody_who_is_quicker_loses_nothing(
    cluster: EmulatedCluster, client: ClusterClient, change: object
) -> None:
    if change is UNLINK:
        cluster.set_image_pull_secrets("shop", OURS)
    kept = (OURS,) if change is UNLINK else ()
    edit = Call(lambda: cluster.set_image_pull_secrets("shop", "theirs", *kept))
    cluster.faults.add(Fault(edit, method="PATCH"))
    outcome = await client.make(LINK if change is LINK else UNLINK, {})
    assert outcome.reason == Reason.DONE
    wanted = ("theirs", OURS) if change is LINK else ("theirs",)
    assert cluster.image_pull_secrets("shop") == wanted


@pytest.mark.parametrize("change", [LINK, UNLINK])
async def test_who_edits_all_the_time_is_reported(
    cluster: EmulatedCluster, client: ClusterClient, change: object
) -> None:
    if change is UNLINK:
        cluster.set_image_pull_secrets("shop", OURS)
    kept = (OURS,) if change is UNLINK else ()
    edit = Call(lambda: cluster.set_image_pull_secrets("shop", "theirs", *kept))
    cluster.faults.add(Fault(edit, method="PATCH", times=None))
    with pytest.raises(ClusterError) as caught:
        await client.make(LINK if change is LINK else UNLINK, {})
    assert caught.value.reason == Reason.CONFLICT


async def test_an_account_that_is_not_there_yet(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    cluster.remove_account("shop")
    outcome = await client.make(LINK, {})
    assert (outcome.done, outcome.reason) == (False, Reason.NO_SERVICE_ACCOUNT)
    assert "the next run links it" in outcome.message
    assert (await client.make(UNLINK, {})).reason == Reason.ALREADY_SO
    cluster.add_account("shop")
    assert (await client.make(LINK, {})).done


async def test_an_account_that_goes_between(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    gone = Call(lambda: cluster.remove_account("shop"))
    cluster.faults.add(Fault(gone, method="PATCH"))
    assert (await client.make(LINK, {})).reason == Reason.NO_SERVICE_ACCOUNT


async def test_an_answer_cut_off_is_read_again(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    """The write was done, so that the second try meets a newer version."""
    cluster.faults.add(Fault(Cut(), method="PATCH"))
    assert (await client.make(LINK, {})).done
    assert cluster.image_pull_secrets("shop") == (OURS,)
