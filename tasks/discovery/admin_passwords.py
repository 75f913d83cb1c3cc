"""Passwords of managed Harbors: read from their Secrets each time, never copied."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from models.clusters.cluster import Cluster
from models.core.errors import ClusterError
from models.core.settings import settings
from models.discovery.managed_harbor import SecretKey
from models.registries.registry import SecretRef
from tasks.clusters.connect import opened_cluster
from tasks.concurrency import Deadline, OverTime
from tasks.http.limits import Bounds
from tasks.registries.protocol import Credential
from tasks.secrets.cipher import no_vault
from tasks.store.access import clusters
from tasks.store.session import stored


async def in_clusters(refs: Iterable[SecretRef]) -> dict[str, Credential]:
    """Read credentials out of clusters, side by side; what cannot be read is left out."""
    by_cluster: dict[str, list[SecretRef]] = defaultdict(list)
    for ref in refs:
        by_cluster[ref.cluster].append(ref)
    if not by_cluster:
        return {}
    known = [one for one in await stored(clusters.clusters) if one.name in by_cluster]
    found = await asyncio.gather(*(_in_one(one, by_cluster[one.name]) for one in known))
    return {id_: credential for each in found for id_, credential in each.items()}


async def _in_one(cluster: Cluster, refs: Sequence[SecretRef]) -> dict[str, Credential]:
    found: dict[str, Credential] = {}
    # As for one request: the runs of all registries wait for this.
    end = Deadline("reading passwords", Bounds.of_cluster(settings()).request_seconds)
    try:
        async with opened_cluster(
            cluster, fingerprint=no_vault().fingerprint, installation=""
        ) as client:
            for ref in refs:
                key = SecretKey(namespace=ref.namespace, name=ref.name, key=ref.key)
                try:
                    secret = await end.run(client.secret_value(key))
                except ClusterError:
                    continue  # whoever needs it says so
                found[ref.id] = Credential(ref.username, secret)
    except (ClusterError, OverTime):
        return found
    return found
