"""HarborClusters, and what each of them is to us."""

from typing import Any

import pytest

from deployments.simulators.kubernetes import SimulatedCluster
from deployments.simulators.kubernetes.object_store import HARBOR_CLUSTER_RESOURCE
from models.discovery.managed_harbor import HarborPhase, SecretKeyRef
from tasks.clusters.protocol import ClusterClient
from tests.tasks.discovery.harbors import (
    ALPHA,
    BETA,
    PASSWORD,
    URL,
    get_harbor,
    list_harbors,
    operator_harbor,
)


def add_harbor_cluster(cluster: SimulatedCluster, **overrides: Any) -> str:
    """Make the HarborCluster `prod`."""
    return cluster.add_harbor_cluster("h1", "prod", URL, PASSWORD, **overrides)


@pytest.mark.parametrize("versions", [("v1beta1", "v1alpha3"), ("v1beta1",), ("v1alpha3",)])
async def test_a_healthy_one(
    cluster: SimulatedCluster, client: ClusterClient, versions: tuple[str, ...]
) -> None:
    cluster.install_operator(versions)
    uid = add_harbor_cluster(cluster)
    assert await get_harbor(client) == operator_harbor(uid=uid)
    path = BETA if "v1beta1" in versions else ALPHA
    assert [call.path for call in cluster.requests if "goharbor" in call.path] == [path]


@pytest.mark.parametrize(
    ("status", "phase", "message"),
    [
        ("", HarborPhase.PROVISIONING, "harbor-operator status: none yet"),
        ("provisioning", HarborPhase.PROVISIONING, "harbor-operator status: provisioning"),
        ("creating", HarborPhase.PROVISIONING, "harbor-operator status: creating"),
        ("unknown", HarborPhase.PROVISIONING, "harbor-operator status: unknown"),
        ("unhealthy", HarborPhase.FAILING, "harbor-operator status: Ready"),
        ("healthy", HarborPhase.READY, ""),
        ("a-new-word", HarborPhase.PROVISIONING, "harbor-operator status: a-new-word"),
    ],
)
async def test_phases(
    cluster: SimulatedCluster, client: ClusterClient, status: str, phase: HarborPhase, message: str
) -> None:
    uid = add_harbor_cluster(cluster, status=status)
    assert await get_harbor(client) == operator_harbor(uid=uid, phase=phase, message=message)


@pytest.mark.parametrize(
    ("message", "expected_message"),
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
    cluster: SimulatedCluster, client: ClusterClient, message: str, expected_message: str
) -> None:
    uid = add_harbor_cluster(cluster)
    cluster.set_harbor_status("h1", "prod", "unhealthy", message)
    expected = operator_harbor(
        uid=uid, phase=HarborPhase.FAILING, message=f"harbor-operator status: {expected_message}"
    )
    assert await get_harbor(client) == expected


NO_ADDRESS = "spec.externalURL is empty: the address is not set yet"
NO_PASSWORD = "spec.harborAdminPasswordRef is empty: the password is not set yet"


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
                "phase": HarborPhase.FAILING,
                "message": "spec.externalURL is invalid (string_type)",
            },
        ),
        (
            {"version": 2.1, "harborAdminPasswordRef": 7},
            {
                "version": "",
                "password": None,
                "phase": HarborPhase.FAILING,
                "message": "spec.harborAdminPasswordRef is invalid (string_type)",
            },
        ),
        (
            {"expose": {"core": {"tls": "prod-tls"}}},
            {
                "phase": HarborPhase.FAILING,
                "message": "spec.expose.core.tls is invalid (model_type)",
            },
        ),
    ],
)
async def test_half_made_and_wrong_ones(
    cluster: SimulatedCluster,
    client: ClusterClient,
    spec: dict[str, Any],
    changed: dict[str, Any],
) -> None:
    uid = add_harbor_cluster(cluster)
    cluster.add_harbor_cluster("h1", "sound", "https://sound.test", PASSWORD)
    cluster.edit_harbor_cluster("h1", "prod", spec)
    managed_harbors = {
        managed_harbor.ref.name: managed_harbor for managed_harbor in await list_harbors(client)
    }
    assert managed_harbors["prod"] == operator_harbor(uid=uid, **changed)
    assert managed_harbors["sound"].phase is HarborPhase.READY


@pytest.mark.parametrize(
    ("raw", "phase", "message"),
    [
        ({}, HarborPhase.PROVISIONING, NO_ADDRESS),
        ({"spec": None, "status": None}, HarborPhase.PROVISIONING, NO_ADDRESS),
        ({"spec": "x"}, HarborPhase.PROVISIONING, "spec is invalid (not an object)"),
        ({"spec": [], "status": {"status": "healthy"}}, HarborPhase.FAILING, "spec is invalid"),
        (
            {
                "spec": {"externalURL": URL, "harborAdminPasswordRef": "a"},
                "status": {"status": "healthy", "conditions": [{"type": 3}]},
            },
            HarborPhase.READY,
            "",
        ),
        (
            {
                "spec": {"externalURL": URL, "harborAdminPasswordRef": "a"},
                "status": {"status": {"is": "healthy"}},
            },
            HarborPhase.PROVISIONING,
            "status.status is invalid (string_type)",
        ),
    ],
)
async def test_strange_ones(
    cluster: SimulatedCluster,
    client: ClusterClient,
    raw: dict[str, Any],
    phase: HarborPhase,
    message: str,
) -> None:
    cluster.install_operator()
    cluster.put_object(
        HARBOR_CLUSTER_RESOURCE, {"metadata": {"name": "odd", "namespace": "h1"}, **raw}
    )
    cluster.add_harbor_cluster("h1", "sound", "https://sound.test", PASSWORD)
    odd, sound = await list_harbors(client)
    assert odd.phase is phase
    assert odd.message.startswith(message)
    assert bool(odd.message) == bool(message)
    assert sound.phase is HarborPhase.READY


async def test_its_authority(cluster: SimulatedCluster, client: ClusterClient) -> None:
    uid = add_harbor_cluster(cluster, tls="prod-tls")
    key = SecretKeyRef(namespace="h1", name="prod-tls", key="ca.crt")
    assert await get_harbor(client) == operator_harbor(uid=uid, ca_secret=key)
    cluster.edit_harbor_cluster("h1", "prod", {"externalURL": "http://harbor.test"})
    assert (await get_harbor(client)).ca_secret is None


async def test_one_that_is_being_deleted_is_there_and_not_ready(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    uid = add_harbor_cluster(cluster)
    cluster.terminate_harbor_cluster("h1", "prod")
    expected = operator_harbor(
        uid=uid, phase=HarborPhase.PROVISIONING, message="it is being deleted"
    )
    assert await get_harbor(client) == expected
    cluster.delete_harbor_cluster("h1", "prod")
    assert await list_harbors(client) == ()


async def test_one_that_is_made_again_is_another(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    before = add_harbor_cluster(cluster)
    after = cluster.recreate_harbor_cluster("h1", "prod", "provisioning")
    recreated = await get_harbor(client)
    assert recreated.uid == after != before
    assert recreated.phase is HarborPhase.PROVISIONING


async def test_the_same_name_in_two_namespaces(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    add_harbor_cluster(cluster)
    cluster.add_harbor_cluster("h0", "prod", URL, PASSWORD)
    assert [managed_harbor.ref.namespace for managed_harbor in await list_harbors(client)] == [
        "h0",
        "h1",
    ]
