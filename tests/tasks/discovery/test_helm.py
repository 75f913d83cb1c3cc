"""Core Deployments of Harbor's charts, and what each of them is to us."""

from typing import Any

import pytest

from deployments.simulators.kubernetes import SimulatedCluster
from deployments.simulators.kubernetes.harbors.charts import Chart, HelmRelease
from deployments.simulators.kubernetes.object_store import DEPLOYMENT_RESOURCE
from models.core.availability import Unavailable
from models.core.reasons import Reason
from models.discovery.managed_harbor import HarborPhase, HarborSourceKind, SecretKeyRef
from models.discovery.observation import ClusterHarbors
from tasks.clusters.protocol import ClusterClient
from tests.tasks.discovery.harbors import (
    CORES,
    EVERYWHERE,
    PASSWORD,
    URL,
    get_harbor,
    helm_harbor,
    list_harbors,
    put_core,
    put_map,
)

CORE, MAP = "reg-harbor-core", "/api/v1/namespaces/h2/configmaps/reg-harbor-core"
KEY = "HARBOR_ADMIN_PASSWORD"


def add_release(cluster: SimulatedCluster, **overrides: Any) -> str:
    """Install the release `reg`."""
    return cluster.add_helm_harbor("h2", "reg", URL, PASSWORD, **overrides)


@pytest.mark.parametrize(
    ("chart", "secret"),
    [("goharbor", "reg-harbor-core"), ("bitnami", "reg-harbor-core-envvars")],
)
async def test_a_sound_one(
    cluster: SimulatedCluster, client: ClusterClient, chart: Chart, secret: str
) -> None:
    uid = add_release(cluster, chart=chart)
    expected = helm_harbor(uid=uid, password=SecretKeyRef(namespace="h2", name=secret, key=KEY))
    assert await get_harbor(client) == expected


@pytest.mark.parametrize("chart", ["goharbor", "bitnami"])
@pytest.mark.parametrize("version", ["1.10.2", "2.8.4", "2.11.1", "2.14.0", "2.15.2"])
@pytest.mark.parametrize("name_override", ["", "registry", "reg", "harbor-eu"])
async def test_charts_with_another_name(
    cluster: SimulatedCluster,
    client: ClusterClient,
    chart: Chart,
    version: str,
    name_override: str,
) -> None:
    """The labels that survive `nameOverride` find it, once, with the usual two lists."""
    put_other_cores(cluster)
    uid = add_release(
        cluster, chart=chart, version=version, name_override=name_override, authority="PEM"
    )
    full_name = HelmRelease("h2", "reg", chart, version, name_override).full_name
    secret = f"{full_name}-core" + ("-envvars" if chart == "bitnami" else "")
    assert await get_harbor(client) == helm_harbor(
        uid=uid,
        version=version,
        password=SecretKeyRef(namespace="h2", name=secret, key=KEY),
        ca_secret=SecretKeyRef(namespace="h2", name=f"{full_name}-ingress", key="ca.crt"),
    )
    assert [call.path for call in cluster.requests].count(CORES) == 2


@pytest.mark.parametrize("chart", ["goharbor", "bitnami"])
async def test_a_password_in_an_existing_secret(
    cluster: SimulatedCluster, client: ClusterClient, chart: Chart
) -> None:
    uid = add_release(cluster, chart=chart, password_secret="mine")
    expected = helm_harbor(uid=uid, password=SecretKeyRef(namespace="h2", name="mine", key=KEY))
    assert await get_harbor(client) == expected


@pytest.mark.parametrize(
    "labels",
    [
        {"component": "core", "chart": "registry", "app": "harbor", "release": "reg"},
        {"component": "core", "app": "harbor", "release": "reg"},
        {
            "app.kubernetes.io/component": "core",
            "app.kubernetes.io/name": "harbor",
            "app.kubernetes.io/instance": "reg",
            "helm.sh/chart": "registry-27.0.4",
        },
    ],
)
async def test_a_chart_under_an_alias_of_another_chart(
    cluster: SimulatedCluster, client: ClusterClient, labels: dict[str, str]
) -> None:
    put_map(cluster, CORE, EXT_ENDPOINT=URL)
    uid = put_core(cluster, labels=labels)
    assert await get_harbor(client) == helm_harbor(uid=uid)


def put_other_cores(cluster: SimulatedCluster) -> None:
    """Cores of other applications."""
    for number, labels in enumerate(
        (
            {"component": "core", "app": "shop", "chart": "shop-1.0"},
            {"app.kubernetes.io/component": "core", "app.kubernetes.io/name": "shop"},
            {"app.kubernetes.io/component": "core", "helm.sh/chart": "harborless-1.0.0"},
        )
    ):
        put_core(cluster, labels=labels, name=f"other-{number}")


@pytest.mark.parametrize(
    ("status", "phase", "message"),
    [
        (
            {"ready": False},
            HarborPhase.PROVISIONING,
            "no pod of the Deployment reg-harbor-core is ready (MinimumReplicasUnavailable: "
            "Deployment does not have minimum availability.)",
        ),
        ({"ready": False, "was_ready": True}, HarborPhase.FAILING, "no pod of the Deployment"),
        ({"ready": True}, HarborPhase.READY, ""),
    ],
)
async def test_phases(
    cluster: SimulatedCluster,
    client: ClusterClient,
    status: dict[str, bool],
    phase: HarborPhase,
    message: str,
) -> None:
    add_release(cluster)
    cluster.set_rollout("h2", CORE, **status)
    managed_harbor = await get_harbor(client)
    assert managed_harbor.phase is phase
    assert managed_harbor.message.startswith(message)
    assert bool(managed_harbor.message) == bool(message)


def stalled_rollout() -> dict[str, Any]:
    progress = {
        "type": "Progressing",
        "status": "False",
        "reason": "ProgressDeadlineExceeded",
        "message": "timed out progressing.",
    }
    return {"status": {"replicas": 1, "unavailableReplicas": 1, "conditions": [progress]}}


@pytest.mark.parametrize(
    ("changed", "phase", "message"),
    [
        (
            stalled_rollout(),
            HarborPhase.FAILING,
            "(ProgressDeadlineExceeded: timed out progressing.)",
        ),
        (
            {"status": {}},
            HarborPhase.PROVISIONING,
            "no pod of the Deployment reg-harbor-core is ready",
        ),
        ({"spec": {"replicas": 0}}, HarborPhase.STOPPED, "is scaled to 0"),
        ({"status": {}, "spec": {"replicas": 0}}, HarborPhase.STOPPED, "is scaled to 0"),
        (
            {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
            HarborPhase.PROVISIONING,
            "delet",
        ),
    ],
)
async def test_other_phases(
    cluster: SimulatedCluster,
    client: ClusterClient,
    changed: dict[str, Any],
    phase: HarborPhase,
    message: str,
) -> None:
    add_release(cluster)
    deployment = cluster.object(DEPLOYMENT_RESOURCE, "h2", CORE)
    merged = {key: {**deployment[key], **changed.get(key, {})} for key in ("metadata", "spec")}
    cluster.put_object(DEPLOYMENT_RESOURCE, {**deployment, **changed, **merged})
    managed_harbor = await get_harbor(client)
    assert managed_harbor.phase is phase
    assert message in managed_harbor.message


@pytest.mark.parametrize("data", [None, {}, {"EXT_ENDPOINT": ""}])
async def test_an_address_that_is_not_there_yet(
    cluster: SimulatedCluster, client: ClusterClient, data: dict[str, str] | None
) -> None:
    uid = put_core(cluster)
    if data is not None:
        put_map(cluster, CORE, **data)
    message = "the ConfigMap of the core (reg-harbor-core) has no EXT_ENDPOINT yet"
    expected = helm_harbor(uid=uid, address="", phase=HarborPhase.PROVISIONING, message=message)
    assert await get_harbor(client) == expected


async def test_an_address_that_may_not_be_read(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    add_release(cluster)
    cluster.add_harbor_cluster("h1", "prod", "https://other.test", PASSWORD)
    cluster.deny("get", "configmaps")
    operated, release = await list_harbors(client)
    assert operated.phase is HarborPhase.READY
    assert (release.address, release.phase) == ("", HarborPhase.PROVISIONING)
    role = "registry-integration-configmaps-reg-harbor-core"
    assert release.message == (
        'may not get configmaps "reg-harbor-core" in namespace h2: to allow it, run: '
        f"kubectl create role {role} --namespace=h2 --verb=get --resource=configmaps "
        f"--resource-name=reg-harbor-core && kubectl create rolebinding {role} --namespace=h2 "
        f"--role={role} --serviceaccount=platform:registry-integration"
    )


async def test_an_upgrade_keeps_it_and_a_new_installation_is_another(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    before = add_release(cluster)
    cluster.upgrade_helm_harbor("h2", CORE, "https://moved.test")
    assert await get_harbor(client) == helm_harbor(uid=before, address="https://moved.test")
    cluster.delete_helm_harbor("h2", "reg")
    assert await list_harbors(client) == ()
    after = add_release(cluster)
    assert await get_harbor(client) == helm_harbor(uid=after)
    assert after != before


async def test_newer_labels_of_goharbor_are_no_second_one(
    cluster: SimulatedCluster, client: ClusterClient
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
    assert await get_harbor(client) == helm_harbor(uid=uid)
    selector = "app=harbor;app.kubernetes.io/name=harbor"
    assert len((await client.list_harbors(EVERYWHERE, selector)).items) == 1  # type: ignore[union-attr]


async def test_two_harbors_of_one_release_are_told_apart(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    add_release(cluster)
    put_core(cluster, name="second-core")
    managed_harbors = await list_harbors(client)
    assert [managed_harbor.ref.name for managed_harbor in managed_harbors] == [
        "reg-harbor-core",
        "second-core",
    ]


async def test_a_selector_of_ones_own(cluster: SimulatedCluster, client: ClusterClient) -> None:
    labels = {"app": "our-fork", "component": "core"}
    put_map(cluster, CORE, EXT_ENDPOINT=URL)
    put_core(cluster, labels=labels)
    assert await list_harbors(client) == ()
    section = await client.list_harbors(EVERYWHERE, "app in (our-fork, harbor), component")
    assert not isinstance(section, Unavailable)
    (managed_harbor,) = section.items
    assert managed_harbor.ref.name == "reg-harbor"


async def test_no_selector_looks_for_none(cluster: SimulatedCluster, client: ClusterClient) -> None:
    add_release(cluster)
    section = await client.list_harbors(EVERYWHERE, " ; ")
    assert not isinstance(section, Unavailable)
    assert section.items == ()
    assert CORES not in [call.path for call in cluster.requests]


async def test_a_senseless_selector(client: ClusterClient) -> None:
    section = await client.list_harbors(EVERYWHERE, "app in harbor")
    assert isinstance(section, ClusterHarbors)
    failure = section.unavailable[HarborSourceKind.HELM]
    assert failure.reason is Reason.REJECTED
    assert "check the label selector" in failure.message
