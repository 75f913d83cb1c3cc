"""Admin passwords of managed Harbors: read from their Secrets when used, never copied."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from models.clusters.cluster import Cluster
from models.core.errors import RemoteError
from models.core.settings import get_settings
from models.discovery.managed_harbor import SecretKeyRef
from models.registries.registry import SecretRef
from tasks.clusters.connect import open_cluster
from tasks.concurrency import Deadline, DeadlineExceeded
from tasks.http.limits import ClientLimits
from tasks.registries.protocol import Credential
from tasks.secrets.cipher import ephemeral_cipher
from tasks.store.access import clusters
from tasks.store.session import in_transaction


async def read_admin_passwords(refs: Iterable[SecretRef]) -> dict[str, Credential]:
    """Read credentials from Secrets in clusters, concurrently.

    Args:
        refs: references to the keys of the Secrets.

    Returns:
        Credentials by reference key; those that could not be read are omitted.
    """
    by_cluster: dict[str, list[SecretRef]] = defaultdict(list)
    for ref in refs:
        by_cluster[ref.cluster].append(ref)
    if not by_cluster:
        return {}
    registered_clusters = [
        cluster
        for cluster in await in_transaction(clusters.list_clusters)
        if cluster.name in by_cluster
    ]
    results = await asyncio.gather(
        *(
            _read_cluster_passwords(cluster, by_cluster[cluster.name])
            for cluster in registered_clusters
        )
    )
    return {id_: credential for credentials in results for id_, credential in credentials.items()}


async def _read_cluster_passwords(
    cluster: Cluster, refs: Sequence[SecretRef]
) -> dict[str, Credential]:
    credentials: dict[str, Credential] = {}
    # The timeout of one request, since the runs of all registries wait for this.
    deadline = Deadline(
        "reading passwords", ClientLimits.for_cluster(get_settings()).request_seconds
    )
    try:
        async with open_cluster(
            cluster, fingerprint=ephemeral_cipher().fingerprint, installation=""
        ) as client:
            for ref in refs:
                key = SecretKeyRef(namespace=ref.namespace, name=ref.name, key=ref.key)
                try:
                    secret = await deadline.run(client.read_secret_key(key))
                except RemoteError:
                    continue  # `pick_credential` reports the missing credential
                credentials[ref.ref_key] = Credential(ref.username, secret)
    except (RemoteError, DeadlineExceeded):
        return credentials
    return credentials
