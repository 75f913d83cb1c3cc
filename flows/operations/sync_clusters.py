"""Synchronize clusters concurrently, in one task."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr

from flows.operations.bindings import save_rollout
from flows.operations.run_results import ClusterSyncResult
from flows.operations.sync_cluster import hold_cluster, sync_cluster
from flows.runs import isolate_failure
from flows.stages import log_clusters
from models.clusters.cluster import Cluster
from models.clusters.pull_secret import PullSecretPlan
from models.core.errors import LeaseHeld
from models.core.settings import get_settings
from tasks import clock
from tasks.concurrency import map_concurrently
from tasks.secrets.cluster_credentials import read_kubeconfigs
from tasks.store.access import clusters
from tasks.store.session import in_transaction

__all__ = [
    "ClusterSyncResult",
    "hold_cluster",
    "sync_cluster",
    "sync_clusters",
    "sync_registered_clusters",
]


async def sync_registered_clusters(
    *, wait_seconds: float = 0.0, dry_run: bool = False, allow_large: bool = False
) -> tuple[ClusterSyncResult, ...]:
    """Synchronize all clusters, see `sync_clusters`; make no task run if there is none."""
    registered = await in_transaction(clusters.list_clusters)
    sync = sync_clusters if registered else sync_clusters.fn
    return await sync(
        registered=registered, wait_seconds=wait_seconds, dry_run=dry_run, allow_large=allow_large
    )


@task(name="sync-clusters", cache_policy=NO_CACHE, persist_result=False)
async def sync_clusters(
    names: Sequence[str] | None = None,
    *,
    registered: Sequence[Cluster] | None = None,
    wait_seconds: float = 0.0,
    dry_run: bool = False,
    allow_large: bool = False,
) -> tuple[ClusterSyncResult, ...]:
    """Synchronize clusters concurrently and independently of each other.

    Args:
        names: names of the clusters; None for all.
        registered: all clusters on record; None to read them.
        wait_seconds: time to wait for another run on the same cluster.
    """
    if registered is None:
        registered = await in_transaction(clusters.list_clusters)
    selection = [cluster for cluster in registered if names is None or cluster.name in names]
    kubeconfigs = await read_kubeconfigs(selection)

    def sync(cluster: Cluster) -> Awaitable[ClusterSyncResult]:
        empty_result = _empty_result(cluster.name)
        work = _sync_with_lease(
            cluster.name, kubeconfigs, wait_seconds, dry_run=dry_run, allow_large=allow_large
        )
        return isolate_failure(
            f"cluster {cluster.name}",
            work,
            lambda message: empty_result.model_copy(update={"run_error": message}),
        )

    semaphore = asyncio.Semaphore(get_settings().clusters_at_once)
    results = await map_concurrently(selection, sync, semaphore)
    if not dry_run:
        await in_transaction(save_rollout, clock.now())
    log_clusters(results)
    return results


async def _sync_with_lease(
    name: str,
    kubeconfigs: Mapping[str, SecretStr],
    wait_seconds: float,
    *,
    dry_run: bool,
    allow_large: bool,
) -> ClusterSyncResult:
    try:
        async with hold_cluster(name, wait_seconds=wait_seconds) as (context, cluster_state):
            return await sync_cluster(
                cluster_state, context, kubeconfigs, dry_run=dry_run, allow_large=allow_large
            )
    except LeaseHeld as error:
        return _empty_result(name).model_copy(update={"lease_conflict": error.conflict})


def _empty_result(name: str) -> ClusterSyncResult:
    return ClusterSyncResult(cluster=name, plan=PullSecretPlan(cluster=name))
