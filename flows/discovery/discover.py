"""Discover managed Harbors in all clusters, concurrently and independently of each other."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Annotated

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import SecretStr

from flows.discovery import messages
from flows.forms.fields import DryRunField
from flows.forms.schema import form_field
from flows.operations.managed_harbors import (
    hold_discovery,
    reconcile_managed_harbors,
)
from flows.operations.run_results import DiscoveryResult
from flows.operations.state_pages import StatePages, publish_and_send
from flows.operations.sync_clusters import sync_registered_clusters
from flows.runs import isolate_failure, report_errors
from models.clusters.cluster import Cluster
from models.core.errors import LeaseHeld
from models.core.runs.counts import total_counts
from models.core.settings import get_settings
from tasks.concurrency import map_concurrently
from tasks.discovery.find import find_managed_harbors
from tasks.http.shared import share_clients
from tasks.secrets.cluster_credentials import read_kubeconfigs
from tasks.store.access import clusters
from tasks.store.session import in_transaction


@flow(name="discover-managed-harbors", persist_result=False)
@report_errors
async def discover_managed_harbors(
    dry_run: DryRunField = False,
    allow_large: Annotated[
        bool,
        form_field(
            "Allow a large change",
            "Lift the safety limits for this run: allow it to remove many Harbors.",
        ),
    ] = False,
) -> State[None]:
    """Find the Harbors that the platform runs in its clusters, and integrate those that are ready.

    The artifact `discovery` lists the Harbors and their states. A cluster that cannot be read
    changes nothing, and neither does one source of a cluster (harbor-operator, Helm charts).
    """
    async with share_clients():
        results: tuple[DiscoveryResult, ...] = ()
        if registered := await in_transaction(clusters.list_clusters):
            results = await discover_clusters(registered, dry_run=dry_run, allow_large=allow_large)
        if any(result.plan.steps for result in results) and not dry_run:
            await sync_registered_clusters()
    await _publish_and_send(results, dry_run=dry_run)
    return _final_state(results, dry_run=dry_run)


async def _publish_and_send(results: Sequence[DiscoveryResult], *, dry_run: bool) -> None:
    has_changes = not dry_run and any(result.registries for result in results)
    pages = StatePages(overview=has_changes, discovery_results=results, dry_run=dry_run)
    await publish_and_send(pages)


@task(name="discover-clusters", cache_policy=NO_CACHE, persist_result=False)
async def discover_clusters(
    registered: Sequence[Cluster], *, dry_run: bool, allow_large: bool
) -> tuple[DiscoveryResult, ...]:
    """Read, plan and apply for each cluster independently, several clusters at a time."""
    kubeconfigs = await read_kubeconfigs(registered)

    def discover_cluster(cluster: Cluster) -> Awaitable[DiscoveryResult]:
        work = _discover_cluster(cluster, kubeconfigs, dry_run=dry_run, allow_large=allow_large)
        return isolate_failure(
            f"cluster {cluster.name}",
            work,
            lambda message: DiscoveryResult(cluster=cluster.name, run_error=message),
        )

    semaphore = asyncio.Semaphore(get_settings().clusters_at_once)
    return await map_concurrently(registered, discover_cluster, semaphore)


async def _discover_cluster(
    cluster: Cluster, kubeconfigs: Mapping[str, SecretStr], *, dry_run: bool, allow_large: bool
) -> DiscoveryResult:
    try:
        async with hold_discovery(cluster.name) as (context, trust):
            section = await find_managed_harbors(cluster, trust, kubeconfigs)
            return await reconcile_managed_harbors(
                cluster, section, context, dry_run=dry_run, allow_large=allow_large
            )
    except LeaseHeld as error:
        reason = f"cluster {cluster.name}: {error.conflict.message}"
        return DiscoveryResult(cluster=cluster.name, skipped_reason=reason)


def _final_state(results: Sequence[DiscoveryResult], *, dry_run: bool) -> State[None]:
    errors = [error for result in results for error in result.errors]
    unavailable = [result.unavailable_reason for result in results if result.unavailable_reason]
    warnings = [warning for result in results for warning in result.plan.warnings]
    skipped = [result.skipped_reason for result in results if result.skipped_reason]
    message = messages.discovery_summary(
        len(results) - len(skipped),
        sum(result.harbor_count for result in results),
        total_counts(result.counts for result in results),
        sum(result.postponed_count for result in results),
        errors,
        unavailable,
        skipped,
        warnings=warnings,
        dry_run=dry_run,
    )
    return Failed(message=message) if errors else Completed(message=message)
