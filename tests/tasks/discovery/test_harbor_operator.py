"""HarborClusters, and what each of them is to us."""

from typing import Any

import pytest

from deployments.simulators.kubernetes import EmulatedCluster
from deployments.simulators.kubernetes.object_store import HARBORS
from models.discovery.managed_harbor import Phase, SecretKey
from tasks.clusters.protocol import ClusterClient
from tests.tasks.discovery.harbors import ALPHA, BETA, PASSWORD, URL, harbor, harbors, run


def put(cluster: EmulatedCluster, **changed: Any) -> str:
    """Make the HarborCluster `prod`."""
    return cluster.add_harbor_cluster("h1", "prod", URL, PASSWORD, **changed)


@pytest.mark.parametrize("served", [("v1beta1", "v1alpha3"), ("v1beta1",), ("v1alpha3",)])
async def test_a_healthy_one(
    cluster: EmulatedCluster, client: ClusterClient, served: tuple[str, ...]
) -> None:
    cluster.install_operator(served)
    uid = put(cluster)
    assert await harbor(client) == run(uid=uid)
    path = BETA if "v1beta1" in served else ALPHA
    assert [call.path for call in cluster.requests if "goharbor" in call.path] == [path]


@pytest.mark.parametrize(
    ("status", "phase", "said"),
    [
        ("", Phase.PROVISIONING, "harbor-operator says: nothing yet"),
        ("provisioning", Phase.PROVISIONING, "harbor-operator says: provisioning"),
        ("creating", Phase.PROVISIONING, "harbor-operator says: creating"),
        ("unknown", Phase.PROVISIONING, "harbor-operator says: unknown"),
        ("unhealthy", Phase.FAILING, "harbor-operator says: Ready"),
        ("healthy", Phase.READY, ""),
        ("a-new-word", Phase.PROVISIONING, "harbor-operator says: a-new-word"),
    ],
)
async def test_phases(
    cluster: EmulatedCluster, client: ClusterClient, status: str, phase: Phase, said: str
) -> None:
    uid = put(cluster, status=status)
    assert await harbor(client) == run(uid=uid, phase=phase, message=said)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("core has no Pod", "Ready: ComponentUnhealthy: core has no Pod"),
        (
            "dial postgres://admin:topsecret@db:5432\n  password=topsecret",
            "Ready: ComponentUnhealthy: dial postgres:…db:5432 password=…",
        ),
        ("x" * 500, "Ready: ComponentUnhealthy: " + "x" * 172 + "…"),
    ],
)
async def test_what_the_operator_says_is_retold(
    cluster: EmulatedCluster, client: ClusterClient, message: str, said: str
) -> None:
    uid = put(cluster)
    cluster.set_harbor_status("h1", "prod", "unhealthy", message)
    expected = run(uid=uid, phase=Phase.FAILING, message=f"harbor-operator says: {said}")
    assert await harbor(client) == expected


NO_ADDRESS = "spec.externalURL is empty: it has no address yet"
NO_PASSWORD = "spec.harborAdminPasswordRef is empty: nobody says where its password is"


@pytest.mark.parametrize(
    ("spec", "changed"),
    [
        ({"externalURL": None}, {"address": "", "message": NO_ADDRESS}),
        ({"externalURL": ""}, {"address": "", "message": NO_ADDRESS}),
        ({"harborAdminPasswordRef": None}, {"password": None, "message": NO_PASSWORD}),
        ({"version": None}, {"version": ""}),
        ({"expose": None}, {}),
        (
            {"externalURL": ["https://a.test"]},
            {
                "address": "",
                "phase": Phase.FAILING,
                "message": "spec.externalURL is unreadable (string_type)",
            },
        ),
        (
            {"version": 2.1, "harborAdminPasswordRef": 7},
            {
                "version": "",
                "password": None,
                "phase": Phase.FAILING,
                "message": "spec.harborAdminPasswordRef is unreadable (string_type)",
            },
        ),
        (
            {"expose": {"core": {"tls": "prod-tls"}}},
            {
                "phase": Phase.FAILING,
                "message": "spec.expose.core.tls is unreadable (model_type)",
            },
        ),
    ],
)
async def test_half_made_and_wrong_ones(
    cluster: EmulatedCluster,
    client: ClusterClient,
    spec: dict[str, Any],
    changed: dict[str, Any],
) -> None:
    uid = put(cluster)
    cluster.add_harbor_cluster("h1", "sound", "https://sound.test", PASSWORD)
    cluster.edit_harbor_cluster("h1", "prod", spec)
    found = {one.place.name: one for one in await harbors(client)}
    assert found["prod"] == run(uid=uid, **changed)
    assert found["sound"].phase is Phase.READY


@pytest.mark.parametrize(
    ("raw", "phase", "said"),
    [
        ({}, Phase.PROVISIONING, NO_ADDRESS),
        ({"spec": None, "status": None}, Phase.PROVISIONING, NO_ADDRESS),
        ({"spec": "x"}, Phase.PROVISIONING, "spec is unreadable (no object)"),
        ({"spec": [], "status": {"status": "healthy"}}, Phase.FAILING, "spec is unreadable"),
        (
            {
                "spec": {"externalURL": URL, "harborAdminPasswordRef": "a"},
                "status": {"status": "healthy", "conditions": [{"type": 3}]},
            },
            Phase.READY,
            "",
        ),
        (
            {
                "spec": {"externalURL": URL, "harborAdminPasswordRef": "a"},
                "status": {"status": {"is": "healthy"}},
            },
            Phase.PROVISIONING,
            "status.status is unreadable (string_type)",
        ),
    ],
)
async def test_strange_ones(
    cluster: EmulatedCluster, client: ClusterClient, raw: dict[str, Any], phase: Phase, said: str
) -> None:
    cluster.install_operator()
    cluster.put_object(HARBORS, {"metadata": {"name": "odd", "namespace": "h1"}, **raw})
    cluster.add_harbor_cluster("h1", "sound", "https://sound.test", PASSWORD)
    odd, sound = await harbors(client)
    assert odd.phase is phase
    assert odd.message.startswith(said)
    assert bool(odd.message) == bool(said)
    assert sound.phase is Phase.READY


async def test_its_authority(cluster: EmulatedCluster, client: ClusterClient) -> None:
    uid = put(cluster, tls="prod-tls")
    key = SecretKey(namespace="h1", name="prod-tls", key="ca.crt")
    assert await harbor(client) == run(uid=uid, authority=key)
    cluster.edit_harbor_cluster("h1", "prod", {"externalURL": "http://harbor.test"})
    assert (await harbor(client)).authority is None


async def test_one_that_is_being_deleted_is_there_and_not_ready(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    uid = put(cluster)
    cluster.terminate_harbor_cluster("h1", "prod")
    expected = run(uid=uid, phase=Phase.PROVISIONING, message="it is being deleted")
    assert await harbor(client) == expected
    cluster.delete_harbor_cluster("h1", "prod")
    assert await harbors(client) == ()


async def test_one_that_is_made_again_is_another(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    before = put(cluster)
    after = cluster.recreate_harbor_cluster("h1", "prod", "provisioning")
    found = await harbor(client)
    assert found.uid == after != before
    assert found.phase is Phase.PROVISIONING


async def test_the_same_name_in_two_namespaces(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    put(cluster)
    cluster.add_harbor_cluster("h0", "prod", URL, PASSWORD)
    assert [one.place.namespace for one in await harbors(client)] == ["h0", "h1"]
