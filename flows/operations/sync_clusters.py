"""Sync clusters side by side, in one task."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr
from sqlmodel import Session

from flows.operations.sync_cluster import ClusterReport, sync_cluster
from flows.runs import contained
from models.access.entitlement import effective
from models.clusters.cluster import Cluster
from models.clusters.pull_secret import DeliveryPlan
from models.core.errors import Busy
from models.core.settings import settings
from tasks import clock
from tasks.concurrency import for_each
from tasks.secrets.cluster_credentials import kubeconfigs_of
from tasks.store.access import bindings, clusters, rollout
from tasks.store.access.clusters import lease_key
from tasks.store.leases import leased
from tasks.store.registries import registries, robots
from tasks.store.session import stored

__all__ = ["ClusterReport", "sync_cluster", "sync_clusters"]


@task(name="sync-clusters", cache_policy=NO_CACHE, persist_result=False)
async def sync_clusters(
    names: Sequence[str] | None = None,
    *,
    patience: float = 0.0,
    dry_run: bool = False,
    allow_large: bool = False,
) -> tuple[ClusterReport, ...]:
    """Sync clusters side by side, all of them unless some are named; one never holds up another.

    Args:
        patience: seconds to wait for another run on the same cluster.
    """
    known = await stored(clusters.clusters)
    wanted = [one for one in known if names is None or one.name in names]
    kubeconfigs = await kubeconfigs_of(wanted)

    def one(cluster: Cluster) -> Awaitable[ClusterReport]:
        nothing = _nothing(cluster.name)
        work = _sync_one(
            cluster.name, kubeconfigs, patience, dry_run=dry_run, allow_large=allow_large
        )
        return contained(
            f"cluster {cluster.name}",
            work,
            lambda told: nothing.model_copy(update={"broken": told}),
        )

    places = asyncio.Semaphore(settings().clusters_at_once)
    reports = await for_each(wanted, one, places)
    if not dry_run:
        await stored(_note_effective)
    return reports


async def _sync_one(
    name: str,
    kubeconfigs: Mapping[str, SecretStr],
    patience: float,
    *,
    dry_run: bool,
    allow_large: bool,
) -> ClusterReport:
    try:
        async with leased(lease_key(name), patience=patience) as holder:
            return await sync_cluster(
                name, holder, kubeconfigs, dry_run=dry_run, allow_large=allow_large
            )
    except Busy:
        return _nothing(name)  # another run does it


def _nothing(name: str) -> ClusterReport:
    return ClusterReport(cluster=name, plan=DeliveryPlan(cluster=name))


def _note_effective(session: Session) -> None:
    """Note which secrets and bindings have reached every namespace of their workspace by now."""
    rollout.note_rolled_out(session, clock.now())
    pending = bindings.not_yet_effective(session)
    if not pending:
        return
    reached = effective(
        pending,
        [one.registry for one in registries.dossiers(session)],
        robots.grants(session),
        clusters.namespaces(session),
        clusters.deliveries(session),
    )
    bindings.note_effective(session, reached, clock.now())
