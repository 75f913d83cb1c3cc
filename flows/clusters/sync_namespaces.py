"""Synchronize clusters: follow changes of namespaces, and correct modified pull secrets."""

from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.clusters import messages
from flows.forms.fields import DryRunField
from flows.forms.schema import form_field
from flows.operations.run_results import ClusterSyncResult
from flows.operations.sync_clusters import sync_clusters, sync_registered_clusters
from flows.runs import report_errors
from models.access.rotation import summarize_departures
from models.core.names import ClusterName
from models.core.runs.counts import total_counts
from models.core.settings import get_settings
from tasks.pages.cluster import cluster_page
from tasks.prefect.artifacts import console_path, publish_artifact
from tasks.prefect.events import send_events
from tasks.store.access import clusters, departures
from tasks.store.session import in_transaction


@flow(name="sync-namespaces", persist_result=False)
@report_errors
async def sync_namespaces(
    only: Annotated[
        list[ClusterName],
        Field(max_length=200),
        form_field("Clusters", "Names of clusters. Leave empty for all. Example: prod-eu"),
    ] = [],  # noqa: B006 - shown in the form, never modified
    dry_run: DryRunField = False,
    allow_large: Annotated[
        bool,
        form_field(
            "Allow a large change",
            "Lift the safety limits for this run: allow many namespaces to leave their workspace.",
        ),
    ] = False,
) -> State[None]:
    """Read all clusters concurrently and bring every pull secret to the desired state.

    Nothing is changed in a cluster that cannot be read completely. The artifact
    `plan-cluster-<name>` of a dry run shows the changes. The run fails if a cluster refuses the
    token of its kubeconfig; the others are synchronized.
    """
    for name in only:
        await in_transaction(clusters.get_cluster, name)  # raises if it is unknown
    if only:
        results = await sync_clusters(only, dry_run=dry_run, allow_large=allow_large)
    else:
        results = await sync_registered_clusters(dry_run=dry_run, allow_large=allow_large)
    if dry_run:
        await _publish_plans(results)
    await send_events()
    remarks = [*_remarks(results), "" if dry_run else await _departure_remark(results)]
    remark = "; ".join(text for text in remarks if text)
    return _final_state(results, remark, dry_run=dry_run)


def _remarks(results: Sequence[ClusterSyncResult]) -> list[str]:
    """Return what a person has to know: clusters with two names, namespaces without workspace."""
    problems = [
        namespace
        for result in results
        for namespace in result.namespaces
        if namespace.problem and not namespace.workspace
    ]
    duplicates = [
        messages.duplicate_name(result.cluster, result.other_names)
        for result in results
        if result.other_names
    ]
    return [*duplicates, messages.namespace_problems(problems)]


async def _publish_plans(results: Sequence[ClusterSyncResult]) -> None:
    for result in results:
        record = await in_transaction(clusters.get_cluster, result.cluster)
        page = cluster_page(record, result.plan, result.results, result.unsafe_reason, dry_run=True)
        path = console_path("clusters", result.cluster)
        await publish_artifact(f"plan-cluster-{result.cluster}", page, "Planned changes", path)


async def _departure_remark(results: Sequence[ClusterSyncResult]) -> str:
    """Return until when namespaces that left a workspace can pull; empty if they cannot."""
    workspace_names = {name for result in results for name in result.departures}
    if not workspace_names:
        return ""
    records = [
        departure
        for departure in await in_transaction(departures.list_departures)
        if departure.workspace in workspace_names
    ]
    return summarize_departures(records, get_settings().superseded_retention)


def _final_state(
    results: tuple[ClusterSyncResult, ...], remark: str, *, dry_run: bool
) -> State[None]:
    member_count = sum(
        bool(namespace.workspace) for result in results for namespace in result.namespaces
    )
    errors = [result.error for result in results if result.error]
    # A later run cannot help: somebody has to replace the credential.
    errors += [result.unavailable_reason for result in results if result.needs_person]
    unavailable = [result.unavailable_reason for result in results if result.unavailable_reason]
    message = messages.sync_summary(
        sum(result.lease_conflict is None for result in results),
        member_count,
        total_counts(result.counts for result in results),
        errors or unavailable,
        [result.skipped_reason for result in results if result.skipped_reason],
        dry_run=dry_run,
        remark=remark,
    )
    return Failed(message=message) if errors else Completed(message=message)
