"""Of Harbors that nobody trusts, it is seen that they are there, and nothing more is read."""

import pytest

from deployments.simulators.kubernetes import EmulatedCluster
from models.discovery.managed_harbor import ManagedHarbor, Place, SourceKind
from models.discovery.trust import MANAGED_LABEL, SeenHarbors, Trust, TrustedObject
from tasks.clusters.protocol import ClusterClient
from tests.support.builders import NOW
from tests.tasks.discovery.harbors import PASSWORD, installed, run

HOSTILE = "http://attacker.test:8080"


async def seen(client: ClusterClient, trust: Trust) -> SeenHarbors:
    found = await client.harbors(trust)
    assert isinstance(found, SeenHarbors)
    return found


def further(cluster: EmulatedCluster) -> list[str]:
    """The single objects that were read."""
    return sorted(call.path for call in cluster.requests if "/namespaces/" in call.path)


@pytest.fixture
def uids(cluster: EmulatedCluster) -> list[str]:
    """Both kinds, each with all that it may name."""
    return [
        cluster.add_harbor_cluster("h1", "prod", "https://harbor.test", PASSWORD, tls="prod-tls"),
        cluster.add_helm_harbor("h2", "reg", "https://harbor.test", PASSWORD),
    ]


async def test_without_trust_only_that_they_are_there(
    cluster: EmulatedCluster, client: ClusterClient, uids: list[str]
) -> None:
    found = await seen(client, Trust())
    places = [
        Place(cluster="prod-eu", namespace="h1", name="prod", kind=SourceKind.OPERATOR),
        Place(cluster="prod-eu", namespace="h2", name="reg", kind=SourceKind.HELM),
    ]
    bare = [ManagedHarbor(place=one, uid=uid) for one, uid in zip(places, uids, strict=True)]
    assert list(found.items) == bare
    assert further(cluster) == []
    assert {"h1", "h2"} <= found.namespaces
    assert found.marked == frozenset()


async def test_a_marked_namespace_is_read_and_no_other(
    cluster: EmulatedCluster, client: ClusterClient, uids: list[str]
) -> None:
    cluster.label("h2", {MANAGED_LABEL: "true"})
    cluster.label("h1", {MANAGED_LABEL: "false"})
    found = await seen(client, Trust())
    assert found.marked == {"h2"}
    assert [one.address for one in found.items] == ["", "https://harbor.test"]
    assert found.items[1] == installed(uid=uids[1])
    assert further(cluster) == ["/api/v1/namespaces/h2/configmaps/reg-harbor-core"]


async def test_an_object_that_a_person_named_is_read(
    cluster: EmulatedCluster, client: ClusterClient, uids: list[str]
) -> None:
    cluster.add_harbor_cluster("h1", "fake", HOSTILE, PASSWORD)
    named = TrustedObject(
        cluster="prod-eu", namespace="h1", name="prod", uid=uids[0], trusted_at=NOW
    )
    found = {one.place.name: one for one in (await seen(client, Trust(objects=(named,)))).items}
    assert found["prod"].address == run().address
    assert found["fake"].address == ""


async def test_whatever_an_untrusted_one_is_made_of_it_only_is_there(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    cluster.add_helm_harbor("h2", "reg", HOSTILE, PASSWORD)
    cluster.forbid("get", "configmaps")
    cluster.forbid("get", "secrets")
    (one,) = (await seen(client, Trust())).items
    assert (one.address, one.password, one.message) == ("", None, "")
