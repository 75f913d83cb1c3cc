"""Discover managed Harbors: all clusters side by side, and one that is slow delays no other."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Annotated

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import SecretStr

from flows.forms.fields import DryRunField
from flows.forms.schema import shown
from flows.operations.managed_harbors import Found, discover, trust_in
from flows.operations.sync_clusters import sync_clusters
from flows.runs import contained, ends_plainly
from models.clusters.cluster import Cluster
from models.core.errors import Busy
from models.core.plural import amount
from models.core.settings import settings
from tasks import clock
from tasks.concurrency import for_each
from tasks.discovery.find import look_for_harbors
from tasks.pages.discovery import discovery_news, discovery_page
from tasks.prefect.artifacts import publish_if_news
from tasks.prefect.events import announce
from tasks.secrets.cluster_credentials import kubeconfigs_of
from tasks.store.access import clusters, managed_harbors
from tasks.store.leases import leased
from tasks.store.session import stored


@flow(name="discover-managed-harbors", persist_result=False)
@ends_plainly
async def discover_managed_harbors(
    dry_run: DryRunField = False,
    allow_large: Annotated[
        bool,
        shown("Allow a large change", "Lift the brakes: let this one run forget many Harbors."),
    ] = False,
) -> State[None]:
    """Find the Harbors that the platform runs in its clusters, and integrate those that are ready.

    What was found, and what became of it, is the artifact `discovery`. A cluster out of reach
    changes nothing.
    """
    found = await discover_clusters(dry_run=dry_run, allow_large=allow_large)
    if any(each.plan.steps for each in found) and not dry_run:
        await sync_clusters()
    now_known = await stored(managed_harbors.managed)
    page, news = discovery_page(found, now_known, dry_run=dry_run), discovery_news(found, now_known)
    await publish_if_news("discovery", page, news, "Managed Harbors, as their clusters show them")
    await announce()
    return _ended(found, dry_run=dry_run)


@task(name="discover-clusters", cache_policy=NO_CACHE, persist_result=False)
async def discover_clusters(*, dry_run: bool, allow_large: bool) -> tuple[Found, ...]:
    """Discover clusters side by side; each is read, decided about and carried out by itself."""
    known = await stored(clusters.clusters)
    kubeconfigs = await kubeconfigs_of(known)

    def one(cluster: Cluster) -> Awaitable[Found]:
        work = _discover_one(cluster, kubeconfigs, dry_run=dry_run, allow_large=allow_large)
        return contained(
            f"cluster {cluster.name}",
            work,
            lambda told: Found(cluster=cluster.name, failures=(told,)),
        )

    places = asyncio.Semaphore(settings().clusters_at_once)
    return await for_each(known, one, places)


async def _discover_one(
    cluster: Cluster, kubeconfigs: Mapping[str, SecretStr], *, dry_run: bool, allow_large: bool
) -> Found:
    try:
        async with leased(f"discovery/{cluster.name}"):
            trust = await stored(trust_in, cluster.name, clock.now())
            section = await look_for_harbors(cluster, trust, kubeconfigs)
            return await discover(cluster, section, dry_run=dry_run, allow_large=allow_large)
    except Busy:
        return Found(cluster=cluster.name)  # another run does it


def _ended(found: Sequence[Found], *, dry_run: bool) -> State[None]:
    many = sum(each.seen for each in found)
    steps = sum(len(each.plan.steps) for each in found)
    made = "planned" if dry_run else "made"
    told = (
        f"{amount(len(found), 'cluster')}, {amount(many, 'managed Harbor')}, "
        f"{amount(steps, 'change')} {made}"
    )
    postponed = sum(each.postponed for each in found)
    if postponed:
        told += f"; {amount(postponed, 'Harbor')} left for the next runs to adopt"
    unread = "; ".join(each.unread for each in found if each.unread)
    problems = [problem for each in found for problem in (*each.failures, each.refused) if problem]
    if problems:
        return Failed(message=f"{told}; {'; '.join(problems[:5])}")
    return Completed(message=told + (f"; not read: {unread}" if unread else ""))
