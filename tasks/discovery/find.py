"""Look for managed Harbors in a cluster, with their certificate authorities."""

from collections.abc import Mapping

from pydantic import SecretStr, ValidationError

from models.clusters.cluster import Cluster
from models.core.availability import Unseen
from models.core.errors import ClusterError
from models.core.reasons import Reason
from models.core.settings import settings
from models.discovery.managed_harbor import ManagedHarbor
from models.discovery.trust import SeenHarbors, Trust
from models.registries.registry import OwnAuthority
from tasks.clusters.connect import opened_cluster
from tasks.clusters.protocol import ClusterReader
from tasks.concurrency import Deadline, OverTime
from tasks.secrets.cipher import no_vault


async def look_for_harbors(
    cluster: Cluster, trust: Trust, kubeconfigs: Mapping[str, SecretStr] | None = None
) -> SeenHarbors | Unseen:
    """See a cluster's managed Harbors; a cluster that cannot be asked is no error but unseen.

    Of those that are not trusted nothing is read but that they are there.
    """
    end = Deadline("the whole discovery", settings().operation_seconds)
    try:
        return await end.run(_look(cluster, trust, kubeconfigs))
    except OverTime as over:
        return Unseen(reason=Reason.TIMED_OUT, message=str(over))


async def _look(
    cluster: Cluster, trust: Trust, kubeconfigs: Mapping[str, SecretStr] | None
) -> SeenHarbors | Unseen:
    try:
        async with opened_cluster(
            cluster,
            fingerprint=no_vault().fingerprint,
            installation="",
            kubeconfigs=kubeconfigs,
        ) as client:
            found = await client.harbors(trust, settings().helm_selector)
            if isinstance(found, Unseen):
                return found
            items = tuple([await _with_authority(client, one) for one in found.items])
            return found.model_copy(update={"items": items})
    except ClusterError as error:
        return Unseen(reason=error.reason, message=error.said)


async def _with_authority(client: ClusterReader, harbor: ManagedHarbor) -> ManagedHarbor:
    """Read whom its address is to be trusted by; if that cannot be read, it stays as it was."""
    if harbor.authority is None or harbor.authority.namespace != harbor.place.namespace:
        return harbor
    try:
        text = await client.secret_value(harbor.authority)
        bundle = OwnAuthority(bundle=text.get_secret_value()).bundle
    except (ClusterError, ValidationError):
        return harbor
    return harbor.model_copy(update={"bundle": bundle})
