"""Sync clusters side by side, in one task."""

import asyncio
from collections.abc import Mapping, Sequence

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr
from sqlmodel import Session

from flows.syncing_cluster import ClusterReport, sync_cluster
from models.delivery import DeliveryPlan
from models.entitlement import effective
from models.errors import Busy, IntegrationError
from models.settings import settings
from tasks import clock
from tasks.kubernetes.credentials import kubeconfigs_of
from tasks.store import bindings, clusters, grants, registries
from tasks.store.clusters import lease_key
from tasks.store.leases import leased
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
    places = asyncio.Semaphore(settings().clusters_at_once)

    async def one(name: str) -> ClusterReport:
        async with places:
            return await _sync_one(
                name, kubeconfigs, patience, dry_run=dry_run, allow_large=allow_large
            )

    reports = await asyncio.gather(*(one(cluster.name) for cluster in wanted))
    if not dry_run:
        await stored(_note_effective)
    return tuple(reports)


async def _sync_one(
    name: str,
    kubeconfigs: Mapping[str, SecretStr],
    patience: float,
    *,
    dry_run: bool,
    allow_large: bool,
) -> ClusterReport:
    """Sync one cluster; whatever happens, it is a report and no exception."""
    nothing = ClusterReport(cluster=name, plan=DeliveryPlan(cluster=name))
    try:
        async with leased(lease_key(name), patience=patience) as holder:
            return await sync_cluster(
                name, holder, kubeconfigs, dry_run=dry_run, allow_large=allow_large
            )
    except Busy:
        return nothing  # another run does it
    except IntegrationError as error:
        return nothing.model_copy(update={"broken": f"cluster {name}: {error}"})
    except Exception as error:
        get_run_logger().exception("cluster %s: unforeseen", name)
        told = f"cluster {name}: unforeseen {type(error).__name__}, see the run's log"
        return nothing.model_copy(update={"broken": told})


def _note_effective(session: Session) -> None:
    """Note which bindings have reached every namespace of their workspace by now."""
    pending = bindings.not_yet_effective(session)
    if not pending:
        return
    reached = effective(
        pending,
        [one.registry for one in registries.dossiers(session)],
        grants.grants(session),
        clusters.namespaces(session),
        clusters.deliveries(session),
    )
    bindings.note_effective(session, reached, clock.now())
