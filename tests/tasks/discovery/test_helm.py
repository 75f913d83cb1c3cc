"""Core Deployments of Harbor's charts, and what each of them is to us."""

from typing import Any

import pytest

from deployments.simulators.kubernetes import EmulatedCluster
from deployments.simulators.kubernetes.harbors.charts import Chart
from deployments.simulators.kubernetes.object_store import DEPLOYMENTS
from models.core.availability import Unseen
from models.core.reasons import Reason
from models.discovery.managed_harbor import Phase, SecretKey
from tasks.clusters.protocol import ClusterClient
from tests.tasks.discovery.harbors import (
    CORES,
    EVERYWHERE,
    PASSWORD,
    URL,
    harbor,
    harbors,
    installed,
    put_core,
    put_map,
)

CORE, MAP = "reg-harbor-core", "/api/v1/namespaces/h2/configmaps/reg-harbor-core"
KEY = "HARBOR_ADMIN_PASSWORD"


def put(cluster: EmulatedCluster, **changed: Any) -> str:
    """Install the release `reg`."""
    return cluster.add_helm_harbor("h2", "reg", URL, PASSWORD, **changed)


@pytest.mark.parametrize(
    ("chart", "secret"),
    [("goharbor", "reg-harbor-core"), ("bitnami", "reg-harbor-core-envvars")],
)
async def test_a_sound_one(
    cluster: EmulatedCluster, client: ClusterClient, chart: Chart, secret: str
) -> None:
    uid = put(cluster, chart=chart)
    expected = installed(uid=uid, password=SecretKey(namespace="h2", name=secret, key=KEY))
    assert await harbor(client) == expected


@pytest.mark.parametrize(
    ("status", "phase", "said"),
    [
        (
            {"ready": False},
            Phase.PROVISIONING,
            "no Pod of the Deployment reg-harbor-core is ready (MinimumReplicasUnavailable: "
            "Deployment does not have minimum availability.)",
        ),
        ({"ready": False, "was_ready": True}, Phase.FAILING, "no Pod of the Deployment"),
        ({"ready": True}, Phase.READY, ""),
    ],
)
async def test_phases(
    cluster: EmulatedCluster,
    client: ClusterClient,
    status: dict[str, bool],
    phase: Phase,
    said: str,
) -> None:
    put(cluster)
    cluster.set_rollout("h2", CORE, **status)
    found = await harbor(client)
    assert found.phase is phase
    assert found.message.startswith(said)
    assert bool(found.message) == bool(said)


def stuck() -> dict[str, Any]:
    progress = {
        "type": "Progressing",
        "status": "False",
        "reason": "ProgressDeadlineExceeded",
        "message": "timed out progressing.",
    }
    return {"status": {"replicas": 1, "unavailableReplicas": 1, "conditions": [progress]}}


@pytest.mark.parametrize(
    ("changed", "phase", "said"),
    [
        (stuck(), Phase.FAILING, "(ProgressDeadlineExceeded: timed out progressing.)"),
        ({"status": {}}, Phase.PROVISIONING, "no Pod of the Deployment reg-harbor-core is ready"),
        ({"spec": {"replicas": 0}}, Phase.STOPPED, "is scaled to 0"),
        ({"status": {}, "spec": {"replicas": 0}}, Phase.STOPPED, "is scaled to 0"),
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, Phase.PROVISIONING, "delet"),
    ],
)
async def test_other_phases(
    cluster: EmulatedCluster,
    client: ClusterClient,
    changed: dict[str, Any],
    phase: Phase,
    said: str,
) -> None:
    put(cluster)
    found = cluster.object(DEPLOYMENTS, "h2", CORE)
    merged = {key: {**found[key], **changed.get(key, {})} for key in ("metadata", "spec")}
    cluster.put_object(DEPLOYMENTS, {**found, **changed, **merged})
    seen = await harbor(client)
    assert seen.phase is phase
    assert said in seen.message


@pytest.mark.parametrize("data", [None, {}, {"EXT_ENDPOINT": ""}])
async def test_an_address_that_is_not_there_yet(
    cluster: EmulatedCluster, client: ClusterClient, data: dict[str, str] | None
) -> None:
    uid = put_core(cluster)
    if data is not None:
        put_map(cluster, CORE, **data)
    said = "the core's ConfigMap (reg-harbor-core) has no EXT_ENDPOINT yet"
    expected = installed(uid=uid, address="", phase=Phase.PROVISIONING, message=said)
    assert await harbor(client) == expected


async def test_an_address_that_may_not_be_read(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    put(cluster)
    cluster.add_harbor_cluster("h1", "prod", "https://other.test", PASSWORD)
    cluster.forbid("get", "configmaps")
    run, found = await harbors(client)
    assert run.phase is Phase.READY
    assert (found.address, found.phase) == ("", Phase.PROVISIONING)
    assert found.message == (
        'may not get configmaps "reg-harbor-core" in namespace h2: '
        'grant the verb "get" on "configmaps"'
    )


async def test_an_upgrade_keeps_it_and_a_new_installation_is_another(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    before = put(cluster)
    cluster.upgrade_helm_harbor("h2", CORE, "https://moved.test")
    assert await harbor(client) == installed(uid=before, address="https://moved.test")
    cluster.delete_helm_harbor("h2", "reg")
    assert await harbors(client) == ()
    after = put(cluster)
    assert await harbor(client) == installed(uid=after)
    assert after != before


async def test_newer_labels_of_goharbor_are_no_second_one(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    put_map(cluster, CORE, EXT_ENDPOINT=URL)
    labels = {
        "app": "harbor",
        "component": "core",
        "release": "reg",
        "app.kubernetes.io/name": "harbor",
        "app.kubernetes.io/component": "core",
        "app.kubernetes.io/instance": "an-argo-application",
    }
    uid = put_core(cluster, labels=labels)
    assert await harbor(client) == installed(uid=uid)
    both = "app=harbor;app.kubernetes.io/name=harbor"
    assert len((await client.harbors(EVERYWHERE, both)).items) == 1  # type: ignore[union-attr]


async def test_two_harbors_of_one_release_are_told_apart(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    put(cluster)
    put_core(cluster, name="second-core")
    found = await harbors(client)
    assert [one.place.name for one in found] == ["reg-harbor-core", "second-core"]


async def test_a_selector_of_ones_own(cluster: EmulatedCluster, client: ClusterClient) -> None:
    labels = {"app": "our-fork", "component": "core"}
    put_map(cluster, CORE, EXT_ENDPOINT=URL)
    put_core(cluster, labels=labels)
    assert await harbors(client) == ()
    found = await client.harbors(EVERYWHERE, "app in (our-fork, harbor), component")
    assert not isinstance(found, Unseen)
    (one,) = found.items
    assert one.place.name == "reg-harbor"


async def test_no_selector_looks_for_none(cluster: EmulatedCluster, client: ClusterClient) -> None:
    put(cluster)
    found = await client.harbors(EVERYWHERE, " ; ")
    assert not isinstance(found, Unseen)
    assert found.items == ()
    assert CORES not in [call.path for call in cluster.requests]


async def test_a_senseless_selector(client: ClusterClient) -> None:
    found = await client.harbors(EVERYWHERE, "app in harbor")
    assert isinstance(found, Unseen)
    assert found.reason is Reason.REJECTED
    assert "is the label selector" in found.message
