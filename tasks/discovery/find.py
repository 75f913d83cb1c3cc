"""Find managed Harbors in a cluster, with their CA bundles."""

from collections.abc import Mapping

from pydantic import SecretStr, ValidationError

from models.clusters.cluster import Cluster
from models.clusters.identity import identity_objection
from models.core.availability import Unavailable
from models.core.errors import RemoteError
from models.core.settings import get_settings
from models.discovery.managed_harbor import ManagedHarbor
from models.discovery.observation import ClusterHarbors
from models.discovery.trust import DiscoveryTrust
from models.registries.registry import CustomCA
from tasks.clusters.connect import open_cluster
from tasks.clusters.protocol import ClusterReader
from tasks.concurrency import Deadline, DeadlineExceeded
from tasks.secrets.cipher import ephemeral_cipher


async def find_managed_harbors(
    cluster: Cluster, trust: DiscoveryTrust, kubeconfigs: Mapping[str, SecretStr] | None = None
) -> ClusterHarbors | Unavailable:
    """Find the managed Harbors of a cluster.

    Args:
        cluster: the cluster.
        trust: which objects are trusted; the others are listed without details.
        kubeconfigs: kubeconfigs by reference key; None reads them now.

    Returns:
        The managed Harbors of all sources that could be read completely in time; unavailable if
        the cluster could not be read.
    """
    try:
        async with open_cluster(
            cluster,
            fingerprint=ephemeral_cipher().fingerprint,
            installation="",
            kubeconfigs=kubeconfigs,
        ) as client:
            harbors = await client.list_harbors(trust, get_settings().helm_selector)
            if isinstance(harbors, Unavailable):
                return harbors
            objection = identity_objection(cluster, harbors.cluster_uid)
            if objection is not None:
                return objection
            deadline = Deadline("reading CA bundles", get_settings().operation_seconds)
            items = [await _with_ca_bundle(client, harbor, deadline) for harbor in harbors.items]
            return harbors.model_copy(update={"items": tuple(items)})
    except RemoteError as error:
        return Unavailable(reason=error.reason, message=error.message)


async def _with_ca_bundle(
    client: ClusterReader, harbor: ManagedHarbor, deadline: Deadline
) -> ManagedHarbor:
    # If the CA bundle cannot be read, the registry keeps the previous one. A Secret of another
    # namespace is never read.
    key = harbor.ca_secret
    if key is None or key.namespace != harbor.ref.namespace:
        return harbor
    try:
        text = await deadline.run(client.read_secret_key(key))
        bundle = CustomCA(bundle=text.get_secret_value()).bundle
    except ValidationError:
        error = f"{key.key} in the Secret {key.name} contains no valid certificate"
        return harbor.model_copy(update={"ca_message": error})
    except (RemoteError, DeadlineExceeded) as failure:
        error = failure.message if isinstance(failure, RemoteError) else str(failure)
        return harbor.model_copy(update={"ca_message": error})
    return harbor.model_copy(update={"ca_bundle": bundle})
