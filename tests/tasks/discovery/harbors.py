"""What the tests of the sources of managed Harbors share."""

from typing import Any

from deployments.simulators.kubernetes import EmulatedCluster
from deployments.simulators.kubernetes.harbors.charts import Release
from deployments.simulators.kubernetes.object_store import CONFIGMAPS, DEPLOYMENTS, Json
from models.discovery.managed_harbor import ManagedHarbor, Phase, Place, SecretKey, SourceKind
from models.discovery.trust import Trust
from tasks.clusters.protocol import ClusterClient
from tests.tasks.clusters.tools import items

EVERYWHERE = Trust(patterns=("*/*",))
PASSWORD = "Adm1n-pass-Z9"
URL = "https://harbor.test"
GROUPS = "/apis"
BETA = "/apis/goharbor.io/v1beta1/harborclusters"
ALPHA = "/apis/goharbor.io/v1alpha3/harborclusters"
NAMESPACES = "/api/v1/namespaces"
CORES = "/apis/apps/v1/deployments"


async def harbors(client: ClusterClient) -> tuple[ManagedHarbor, ...]:
    """All Harbors, which must have been read completely."""
    found: tuple[ManagedHarbor, ...] = items(await client.harbors(EVERYWHERE))
    return found


async def harbor(client: ClusterClient) -> ManagedHarbor:
    """The one Harbor there is."""
    (found,) = await harbors(client)
    return found


def run(**changed: Any) -> ManagedHarbor:
    """What a sound HarborCluster `prod` in namespace `h1` is to us, with some of it changed."""
    place = Place(cluster="prod-eu", namespace="h1", name="prod", kind=SourceKind.OPERATOR)
    sound = ManagedHarbor(
        place=place,
        uid="",
        address=URL,
        version="2.11.1",
        phase=Phase.READY,
        password=SecretKey(namespace="h1", name="prod-admin", key="secret"),
    )
    return sound.model_copy(update=changed)


def installed(**changed: Any) -> ManagedHarbor:
    """What a sound release `reg` of goharbor's chart in namespace `h2` is to us."""
    place = Place(cluster="prod-eu", namespace="h2", name="reg", kind=SourceKind.HELM)
    key = SecretKey(namespace="h2", name="reg-harbor-core", key="HARBOR_ADMIN_PASSWORD")
    sound = ManagedHarbor(
        place=place, uid="", address=URL, version="2.11.1", phase=Phase.READY, password=key
    )
    return sound.model_copy(update=changed)


def put_core(
    cluster: EmulatedCluster,
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
    found = Release("h2", "reg", "goharbor", "2.11.1").deployment()
    inner = found["spec"]["template"]["spec"]
    core = {**inner["containers"][0], **(container or {})}
    found["spec"]["template"]["spec"] = {**inner, "containers": [core], **(pod or {})}
    metadata = found["metadata"] | ({"name": name} if name else {})
    found["metadata"] = metadata | ({"labels": labels} if labels is not None else {})
    uid = cluster.put_object(DEPLOYMENTS, found)
    cluster.set_rollout("h2", found["metadata"]["name"], ready=True)
    return uid


def put_map(cluster: EmulatedCluster, name: str, **data: str) -> None:
    """Make a ConfigMap."""
    cluster.put_object(CONFIGMAPS, {"metadata": {"name": name, "namespace": "h2"}, "data": data})
