"""The pull secret is added to the default ServiceAccount, and other people's entries stay."""

import pytest

from deployments.simulators.faults import CutConnection, Fault, RunCallback
from deployments.simulators.kubernetes import SimulatedCluster
from models.clusters.pull_secret import AddImagePullSecret
from models.core.errors import RemoteError
from models.core.reasons import Reason
from tasks.clusters.protocol import ClusterClient
from tests.tasks.clusters.tools import (
    ACCOUNT_PATH,
    LABELS,
    LINK,
    UNLINK,
    service_account_in,
)

OWN_SECRET = "registry-integration"


async def test_link(cluster: SimulatedCluster, client: ClusterClient) -> None:
    outcome = await client.apply_change(LINK, {})
    assert (outcome.succeeded, outcome.reason) == (True, Reason.DONE)
    assert cluster.image_pull_secrets("shop") == (OWN_SECRET,)


async def test_another_account(cluster: SimulatedCluster, client: ClusterClient) -> None:
    cluster.add_service_account("shop", "web")
    cluster.set_image_pull_secrets("shop", "theirs", account="web")
    web = {"service_account": "web"}
    assert (await client.apply_change(LINK.model_copy(update=web), {})).reason is Reason.DONE
    assert cluster.image_pull_secrets("shop", "web") == ("theirs", OWN_SECRET)
    assert cluster.image_pull_secrets("shop") == ()
    assert (await client.apply_change(UNLINK.model_copy(update=web), {})).reason is Reason.DONE
    assert cluster.image_pull_secrets("shop", "web") == ("theirs",)
    cluster.remove_service_account("shop", "web")  # it needs nothing any more
    assert (await client.apply_change(LINK.model_copy(update=web), {})).succeeded


async def test_link_again_writes_nothing(cluster: SimulatedCluster, client: ClusterClient) -> None:
    await client.apply_change(LINK, {})
    cluster.requests.clear()
    assert (await client.apply_change(LINK, {})).reason == Reason.UNCHANGED
    assert cluster.requests.writes() == []


async def test_others_stay(cluster: SimulatedCluster, client: ClusterClient) -> None:
    cluster.set_image_pull_secrets("shop", "a", "b")
    assert (await client.apply_change(LINK, {})).succeeded
    assert cluster.image_pull_secrets("shop") == ("a", "b", OWN_SECRET)
    assert (await client.apply_change(UNLINK, {})).reason == Reason.DONE
    assert cluster.image_pull_secrets("shop") == ("a", "b")


async def test_unlink(cluster: SimulatedCluster, client: ClusterClient) -> None:
    await client.apply_change(LINK, {})
    assert (await client.apply_change(UNLINK, {})).reason == Reason.DONE
    assert cluster.image_pull_secrets("shop") == ()
    assert (await client.apply_change(UNLINK, {})).reason == Reason.UNCHANGED


async def test_unlink_takes_out_every_entry_of_ours(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.set_image_pull_secrets("shop", OWN_SECRET, "a", OWN_SECRET)
    assert (await client.apply_change(UNLINK, {})).succeeded
    assert cluster.image_pull_secrets("shop") == ("a",)


@pytest.mark.parametrize("change", [LINK, UNLINK])
async def test_somebody_who_is_quicker_loses_nothing(
    cluster: SimulatedCluster, client: ClusterClient, change: object
) -> None:
    if change is UNLINK:
        cluster.set_image_pull_secrets("shop", OWN_SECRET)
    own_entries = (OWN_SECRET,) if change is UNLINK else ()
    edit = RunCallback(lambda: cluster.set_image_pull_secrets("shop", "theirs", *own_entries))
    cluster.faults.add(Fault(edit, method="PATCH"))
    outcome = await client.apply_change(LINK if change is LINK else UNLINK, {})
    assert outcome.reason == Reason.DONE
    expected = ("theirs", OWN_SECRET) if change is LINK else ("theirs",)
    assert cluster.image_pull_secrets("shop") == expected


@pytest.mark.parametrize("change", [LINK, UNLINK])
async def test_who_edits_all_the_time_is_reported(
    cluster: SimulatedCluster, client: ClusterClient, change: object
) -> None:
    if change is UNLINK:
        cluster.set_image_pull_secrets("shop", OWN_SECRET)
    own_entries = (OWN_SECRET,) if change is UNLINK else ()
    edit = RunCallback(lambda: cluster.set_image_pull_secrets("shop", "theirs", *own_entries))
    cluster.faults.add(Fault(edit, method="PATCH", times=None))
    with pytest.raises(RemoteError) as excinfo:
        await client.apply_change(LINK if change is LINK else UNLINK, {})
    assert excinfo.value.reason == Reason.CONFLICT


async def test_an_account_that_is_not_there_yet(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.remove_service_account("shop")
    outcome = await client.apply_change(LINK, {})
    assert (outcome.succeeded, outcome.reason) == (False, Reason.NO_SERVICE_ACCOUNT)
    assert "The next run adds the pull secret" in outcome.message
    assert (await client.apply_change(UNLINK, {})).reason == Reason.UNCHANGED
    cluster.add_service_account("shop")
    assert (await client.apply_change(LINK, {})).succeeded


async def test_an_account_that_goes_between(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    deletion = RunCallback(lambda: cluster.remove_service_account("shop"))
    cluster.faults.add(Fault(deletion, method="PATCH"))
    assert (await client.apply_change(LINK, {})).reason == Reason.NO_SERVICE_ACCOUNT


async def test_an_answer_cut_off_is_read_again(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    """The write was done, so that the second try meets a newer version."""
    cluster.faults.add(Fault(CutConnection(), method="PATCH"))
    assert (await client.apply_change(LINK, {})).succeeded
    assert cluster.image_pull_secrets("shop") == (OWN_SECRET,)


async def _observed_link(client: ClusterClient) -> AddImagePullSecret:
    observed = service_account_in(await client.observe(LABELS)).pull_secrets
    assert observed is not None
    return LINK.model_copy(update={"observed": observed})


async def test_what_the_list_says_is_not_read_again(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.set_image_pull_secrets("shop", "theirs")
    change = await _observed_link(client)
    cluster.requests.clear()
    assert (await client.apply_change(change, {})).reason is Reason.DONE
    assert [(request.method, request.path) for request in cluster.requests] == [
        ("PATCH", ACCOUNT_PATH)
    ]
    assert cluster.image_pull_secrets("shop") == ("theirs", OWN_SECRET)
    observed = service_account_in(await client.observe(LABELS)).pull_secrets
    cluster.requests.clear()
    await client.apply_change(UNLINK.model_copy(update={"observed": observed}), {})
    assert [request.method for request in cluster.requests] == ["PATCH"]
    assert cluster.image_pull_secrets("shop") == ("theirs",)


async def test_what_changed_since_the_list_is_read_again(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    change = await _observed_link(client)
    cluster.set_image_pull_secrets("shop", "theirs")
    cluster.requests.clear()
    assert (await client.apply_change(change, {})).reason is Reason.DONE
    assert [request.method for request in cluster.requests] == ["PATCH", "GET", "PATCH"]
    assert cluster.image_pull_secrets("shop") == ("theirs", OWN_SECRET)
    cluster.set_image_pull_secrets("shop", "theirs")
    change = await _observed_link(client)
    cluster.remove_service_account("shop")
    assert (await client.apply_change(change, {})).reason is Reason.NO_SERVICE_ACCOUNT


async def test_a_long_list_is_not_kept(cluster: SimulatedCluster, client: ClusterClient) -> None:
    names = [f"secret-{number}" for number in range(200)]
    cluster.set_image_pull_secrets("shop", *names)
    assert service_account_in(await client.observe(LABELS)).pull_secrets is None
    assert (await client.apply_change(LINK, {})).succeeded
    assert cluster.image_pull_secrets("shop") == (*names, OWN_SECRET)
