"""Pull secrets are written, and a foreign one is never touched."""

import pytest

from deployments.simulators.faults import Call, Cut, Fault
from deployments.simulators.kubernetes import EmulatedCluster
from models.core.errors import ClusterError
from models.core.reasons import Reason
from tasks.clusters.protocol import ClusterClient
from tests.tasks.clusters.tools import OURS, PASSWORD, SECRET_PATH, content, deliver, delivered


def password(cluster: EmulatedCluster) -> str | None:
    found = cluster.secret("shop")
    return None if found is None else found["auths"]["registry.test"]["password"]


async def test_deliver(cluster: EmulatedCluster, client: ClusterClient) -> None:
    outcome = await delivered(client)
    assert (outcome.done, outcome.reason) == (True, Reason.DONE)
    assert password(cluster) == PASSWORD
    raw = cluster.raw_secret("shop")
    assert raw is not None
    assert raw["type"] == "kubernetes.io/dockerconfigjson"
    assert raw["metadata"]["labels"] == OURS
    (entry,) = raw["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("registry-integration", "Apply")
    assert cluster.requests.writes() == [("PATCH", SECRET_PATH, 201)]


async def test_deliver_the_same_again(cluster: EmulatedCluster, client: ClusterClient) -> None:
    await delivered(client)
    before = cluster.raw_secret("shop")
    assert (await delivered(client)).done
    assert cluster.raw_secret("shop") == before


async def test_deliver_something_else(cluster: EmulatedCluster, client: ClusterClient) -> None:
    await delivered(client)
    assert (await delivered(client, text=content("next"))).done
    assert password(cluster) == "next"
    assert len(cluster.requests.writes()) == 2


async def test_what_was_edited_by_hand_is_set_right(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    await delivered(client)
    cluster.edit_secret("shop", {"auths": {}})
    assert (await delivered(client)).done
    assert password(cluster) == PASSWORD
    assert [call.status for call in cluster.requests.writes()] == [201, 409, 200]


@pytest.mark.parametrize("kind", ["Opaque", "kubernetes.io/dockerconfigjson"])
@pytest.mark.parametrize("immutable", [False, True])
async def test_a_foreign_one_is_left_as_it_is(
    cluster: EmulatedCluster, client: ClusterClient, kind: str, immutable: bool
) -> None:
    cluster.foreign_secret("shop", kind=kind, immutable=immutable)
    before = cluster.raw_secret("shop")
    outcome = await delivered(client)
    assert (outcome.done, outcome.reason) == (False, Reason.FOREIGN_SECRET)
    assert "left as it is" in outcome.message
    assert cluster.raw_secret("shop") == before


async def test_one_of_another_installation_is_foreign(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    labels = {**OURS, "registry-integration.io/installation": "two"}
    cluster.foreign_secret("shop", labels=labels)
    assert (await delivered(client)).reason == Reason.FOREIGN_SECRET


async def test_a_foreign_one_that_appears_between_look_and_write(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    cluster.faults.add(Fault(Call(lambda: cluster.foreign_secret("shop")), method="PATCH"))
    assert (await delivered(client)).reason == Reason.FOREIGN_SECRET
    assert password_free(cluster)


async def test_a_foreign_one_that_appears_before_the_forced_write(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    """Ours was edited, so it is written by force; meanwhile somebody replaced it."""
    await delivered(client)
    cluster.edit_secret("shop", {"auths": {}})

    def replace() -> None:
        cluster.delete_secret("shop")
        cluster.foreign_secret("shop")

    cluster.faults.add(Fault(Call(replace), method="PATCH", path=".*force=true.*"))
    assert (await delivered(client)).reason == Reason.FOREIGN_SECRET
    assert password_free(cluster)


def password_free(cluster: EmulatedCluster) -> bool:
    return PASSWORD not in str(cluster.secret("shop"))


async def test_ours_that_goes_before_the_forced_write(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    await delivered(client)
    cluster.edit_secret("shop", {"auths": {}})
    gone = Call(lambda: cluster.delete_secret("shop"))
    cluster.faults.add(Fault(gone, method="PATCH", path=".*force=true.*"))
    assert (await delivered(client)).done
    assert password(cluster) == PASSWORD


async def test_ours_that_goes_before_it_is_looked_at(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    await delivered(client)
    cluster.edit_secret("shop", {"auths": {}})
    gone = Call(lambda: cluster.delete_secret("shop"))
    cluster.faults.add(Fault(gone, method="GET", path=SECRET_PATH))
    assert (await delivered(client)).done
    assert password(cluster) == PASSWORD


async def test_who_edits_all_the_time_is_reported(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    await delivered(client)
    busy = Call(lambda: cluster.edit_secret("shop", {"auths": {}}))
    cluster.faults.add(Fault(busy, method="PATCH", times=None))
    with pytest.raises(ClusterError) as caught:
        await delivered(client)
    assert caught.value.reason == Reason.CONFLICT


@pytest.mark.parametrize(
    ("kind", "immutable"),
    [("Opaque", False), ("Opaque", True), ("kubernetes.io/dockerconfigjson", True)],
)
async def test_ours_that_cannot_be_changed_is_replaced(
    cluster: EmulatedCluster, client: ClusterClient, kind: str, immutable: bool
) -> None:
    cluster.foreign_secret("shop", kind=kind, immutable=immutable, labels=OURS)
    assert (await delivered(client)).done
    assert password(cluster) == PASSWORD


async def test_an_answer_cut_off_is_asked_for_again(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    cluster.faults.add(Fault(Cut(), method="PATCH"))
    assert (await delivered(client)).done
    assert [call.status for call in cluster.requests.writes()] == [201, 200]


async def test_a_webhook_that_edits_is_noticed(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    with pytest.raises(ClusterError, match="admission webhook") as caught:
        await client.make(deliver(text=content("wanted")), {"shop": content("other")})
    assert caught.value.reason == Reason.CONFLICT
    assert "other" not in str(caught.value)


@pytest.mark.parametrize("size", [1_048_577, 4_000_000])
async def test_too_large(cluster: EmulatedCluster, client: ClusterClient, size: int) -> None:
    with pytest.raises(ClusterError, match="larger than a Secret may be") as caught:
        await delivered(client, text=content("x" * size))
    assert caught.value.reason == Reason.SECRET_TOO_LARGE
    assert cluster.secret("shop") is None


async def test_a_namespace_that_is_being_deleted(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    cluster.terminate("shop")
    with pytest.raises(ClusterError, match="being deleted") as caught:
        await delivered(client)
    assert caught.value.reason == Reason.NAMESPACE_TERMINATING


async def test_a_namespace_that_is_not_there(client: ClusterClient) -> None:
    with pytest.raises(ClusterError, match="does not exist") as caught:
        await delivered(client, "nowhere")
    assert caught.value.reason == Reason.NOT_FOUND
