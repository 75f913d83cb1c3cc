"""Synchronize clusters: follow changes of namespaces, and correct modified pull secrets."""

from collections.abc import Collection
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.clusters import messages
from flows.forms.fields import DryRunField
from flows.forms.schema import form_field
from flows.operations.sync_clusters import ClusterSyncResult, sync_clusters
from flows.operations.workspace_pages import publish_workspace_pages
from flows.runs import report_errors
from models.access.rotation_messages import summarize_departures
from models.core.names import ClusterName
from models.core.settings import get_settings
from tasks.pages.cluster import cluster_digest_source, cluster_page
from tasks.prefect.artifacts import publish_artifact, publish_if_changed
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

    Nothing is changed in a cluster that cannot be read completely. The artifact `cluster-<name>`
    shows the namespaces, their pull secrets and the changes.
    """
    for name in only:
        await in_transaction(clusters.get_cluster, name)  # raises if it is unknown
    results = await sync_clusters(only or None, dry_run=dry_run, allow_large=allow_large)
    await publish_cluster_pages(results, dry_run=dry_run)
    if not dry_run and any(result.has_changes for result in results):
        await publish_workspace_pages()
    await send_events()
    workspace_names = sorted({name for result in results for name in result.departures})
    remark = await _departure_remark(workspace_names) if workspace_names and not dry_run else ""
    return _final_state(results, remark, dry_run=dry_run)


async def publish_cluster_pages(
    results: tuple[ClusterSyncResult, ...], *, dry_run: bool = False
) -> None:
    """Publish `cluster-<name>` for each cluster that changed; a dry run has a separate page."""
    for result in results:
        record = await in_transaction(clusters.get_cluster, result.cluster)
        page = cluster_page(
            record, result.plan, result.results, result.unsafe_reason, dry_run=dry_run
        )
        if dry_run:
            await publish_artifact(f"plan-cluster-{result.cluster}", page, "Planned changes")
            continue
        digest_source = cluster_digest_source(
            record, result.plan, result.results, result.unsafe_reason
        )
        title = "Namespaces and their pull secrets"
        await publish_if_changed(f"cluster-{result.cluster}", page, digest_source, title)


async def _departure_remark(workspace_names: Collection[str]) -> str:
    """Return until when namespaces that left these workspaces can pull; empty if they cannot."""
    records = [
        departure
        for departure in await in_transaction(departures.list_departures)
        if departure.workspace in workspace_names
    ]
    return summarize_departures(records, get_settings().superseded_retention)


def _final_state(
    results: tuple[ClusterSyncResult, ...], remark: str, *, dry_run: bool
) -> State[None]:
    change_count = sum(len(result.plan.changes) for result in results)
    member_count = sum(
        bool(namespace.workspace) for result in results for namespace in result.namespaces
    )
    errors = [result.error for result in results if result.error]
    unavailable = [result.unavailable_reason for result in results if result.unavailable_reason]
    counts = len(results), member_count, change_count
    message = messages.sync_summary(counts, errors, unavailable, dry_run=dry_run, remark=remark)
    return Failed(message=message) if errors else Completed(message=message)
