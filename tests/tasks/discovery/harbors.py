"""What the tests of the sources of managed Harbors share."""

from typing import Any

from deployments.simulators.kubernetes import SimulatedCluster
from deployments.simulators.kubernetes.harbors.charts import HelmRelease
from deployments.simulators.kubernetes.object_store import (
    CONFIG_MAP_RESOURCE,
    DEPLOYMENT_RESOURCE,
    Json,
)
from models.discovery.managed_harbor import (
    HarborPhase,
    HarborRef,
    HarborSourceKind,
    ManagedHarbor,
    SecretKeyRef,
)
from models.discovery.observation import ClusterHarbors
from models.discovery.trust import DiscoveryTrust
from tasks.clusters.protocol import ClusterClient

EVERYWHERE = DiscoveryTrust(patterns=("*/*",))
PASSWORD = "Adm1n-pass-Z9"
URL = "https://harbor.test"
GROUPS = "/apis"
BETA = "/apis/goharbor.io/v1beta1/harborclusters"
ALPHA = "/apis/goharbor.io/v1alpha3/harborclusters"
NAMESPACES = "/api/v1/namespaces"
CORES = "/apis/apps/v1/deployments"


async def list_harbors(client: ClusterClient) -> tuple[ManagedHarbor, ...]:
    """All Harbors, which must have been read completely."""
    section = await client.list_harbors(EVERYWHERE)
    assert isinstance(section, ClusterHarbors), section
    assert section.unavailable == {}
    return section.items


async def get_harbor(client: ClusterClient) -> ManagedHarbor:
    """The one Harbor there is."""
    (managed_harbor,) = await list_harbors(client)
    return managed_harbor


def operator_harbor(**overrides: Any) -> ManagedHarbor:
    """What a sound HarborCluster `prod` in namespace `h1` is to us, with some of it changed."""
    ref = HarborRef(cluster="prod-eu", namespace="h1", name="prod", kind=HarborSourceKind.OPERATOR)
    base = ManagedHarbor(
        ref=ref,
        uid="",
        address=URL,
        version="2.11.1",
        phase=HarborPhase.READY,
        password=SecretKeyRef(namespace="h1", name="prod-admin", key="secret"),
    )
    return base.model_copy(update=overrides)


def helm_harbor(**overrides: Any) -> ManagedHarbor:
    """What a sound release `reg` of goharbor's chart in namespace `h2` is to us."""
    ref = HarborRef(cluster="prod-eu", namespace="h2", name="reg", kind=HarborSourceKind.HELM)
    key = SecretKeyRef(namespace="h2", name="reg-harbor-core", key="HARBOR_ADMIN_PASSWORD")
    base = ManagedHarbor(
        ref=ref, uid="", address=URL, version="2.11.1", phase=HarborPhase.READY, password=key
    )
    return base.model_copy(update=overrides)


def put_core(
    cluster: SimulatedCluster,
    container: Json | None = None,
    *,
    pod: Json | None = None,
    labels: Json | None = None,
    name: str = "",
) -> str:
    """Make the core Deployment of release `reg` with parts that are unusual.

    Args:
        container: parts of the core's container.
        pod: parts of the Pod's spec.
        labels: instead of the usual ones.
        name: instead of the usual one.
    """
    deployment = HelmRelease("h2", "reg", "goharbor", "2.11.1").deployment()
    inner = deployment["spec"]["template"]["spec"]
    core = {**inner["containers"][0], **(container or {})}
    deployment["spec"]["template"]["spec"] = {**inner, "containers": [core], **(pod or {})}
    metadata = deployment["metadata"] | ({"name": name} if name else {})
    deployment["metadata"] = metadata | ({"labels": labels} if labels is not None else {})
    uid = cluster.put_object(DEPLOYMENT_RESOURCE, deployment)
    cluster.set_rollout("h2", deployment["metadata"]["name"], ready=True)
    return uid


def put_map(cluster: SimulatedCluster, name: str, **data: str) -> None:
    """Make a ConfigMap."""
    cluster.put_object(
        CONFIG_MAP_RESOURCE, {"metadata": {"name": name, "namespace": "h2"}, "data": data}
    )
