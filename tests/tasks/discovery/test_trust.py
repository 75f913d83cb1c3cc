"""Of Harbors that nobody trusts, it is seen that they are there, and nothing more is read."""

import pytest

from deployments.simulators.kubernetes import SimulatedCluster
from models.discovery.managed_harbor import HarborRef, HarborSourceKind, ManagedHarbor
from models.discovery.observation import ClusterHarbors
from models.discovery.trust import MANAGED_LABEL, DiscoveryTrust, TrustedObject
from tasks.clusters.protocol import ClusterClient
from tests.support.builders import NOW
from tests.tasks.discovery.harbors import PASSWORD, helm_harbor, operator_harbor

HOSTILE = "http://attacker.test:8080"


async def observe_harbors(client: ClusterClient, trust: DiscoveryTrust) -> ClusterHarbors:
    section = await client.list_harbors(trust)
    assert isinstance(section, ClusterHarbors)
    return section


def detail_requests(cluster: SimulatedCluster) -> list[str]:
    """The single objects that were read."""
    return sorted(call.path for call in cluster.requests if "/namespaces/" in call.path)


@pytest.fixture
def uids(cluster: SimulatedCluster) -> list[str]:
    """Both kinds, each with all that it may name."""
    return [
        cluster.add_harbor_cluster("h1", "prod", "https://harbor.test", PASSWORD, tls="prod-tls"),
        cluster.add_helm_harbor("h2", "reg", "https://harbor.test", PASSWORD),
    ]


async def test_without_trust_only_that_they_are_there(
    cluster: SimulatedCluster, client: ClusterClient, uids: list[str]
) -> None:
    section = await observe_harbors(client, DiscoveryTrust())
    refs = [
        HarborRef(cluster="prod-eu", namespace="h1", name="prod", kind=HarborSourceKind.OPERATOR),
        HarborRef(cluster="prod-eu", namespace="h2", name="reg", kind=HarborSourceKind.HELM),
    ]
    bare = [ManagedHarbor(ref=ref, uid=uid) for ref, uid in zip(refs, uids, strict=True)]
    assert list(section.items) == bare
    assert detail_requests(cluster) == []
    assert {"h1", "h2"} <= section.namespaces
    assert section.marked_namespaces == frozenset()


async def test_a_marked_namespace_is_read_and_no_other(
    cluster: SimulatedCluster, client: ClusterClient, uids: list[str]
) -> None:
    cluster.set_labels("h2", {MANAGED_LABEL: "true"})
    cluster.set_labels("h1", {MANAGED_LABEL: "false"})
    section = await observe_harbors(client, DiscoveryTrust())
    assert section.marked_namespaces == {"h2"}
    assert [managed_harbor.address for managed_harbor in section.items] == [
        "",
        "https://harbor.test",
    ]
    assert section.items[1] == helm_harbor(uid=uids[1])
    assert detail_requests(cluster) == ["/api/v1/namespaces/h2/configmaps/reg-harbor-core"]


async def test_an_object_that_a_person_named_is_read(
    cluster: SimulatedCluster, client: ClusterClient, uids: list[str]
) -> None:
    cluster.add_harbor_cluster("h1", "fake", HOSTILE, PASSWORD)
    trusted_object = TrustedObject(
        cluster="prod-eu", namespace="h1", name="prod", uid=uids[0], trusted_at=NOW
    )
    managed_harbors = {
        managed_harbor.ref.name: managed_harbor
        for managed_harbor in (
            await observe_harbors(client, DiscoveryTrust(objects=(trusted_object,)))
        ).items
    }
    assert managed_harbors["prod"].address == operator_harbor().address
    assert managed_harbors["fake"].address == ""


async def test_whatever_an_untrusted_one_is_made_of_it_only_is_there(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.add_helm_harbor("h2", "reg", HOSTILE, PASSWORD)
    cluster.deny("get", "configmaps")
    cluster.deny("get", "secrets")
    (managed_harbor,) = (await observe_harbors(client, DiscoveryTrust())).items
    assert (managed_harbor.address, managed_harbor.password, managed_harbor.message) == (
        "",
        None,
        "",
    )
