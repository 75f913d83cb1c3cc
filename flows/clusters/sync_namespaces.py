"""Sync clusters: new, moved and deleted namespaces, and pull secrets that were touched by hand."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.forms.fields import DryRunField
from flows.forms.schema import form_field
from flows.operations.sync_clusters import ClusterSyncResult, sync_clusters
from flows.operations.workspace_pages import publish_workspace_pages
from flows.runs import report_errors
from models.core.names import ClusterName
from models.core.plural import pluralize
from tasks.pages.cluster import cluster_digest_source, cluster_page
from tasks.prefect.artifacts import publish_artifact, publish_if_changed
from tasks.prefect.events import send_events
from tasks.store.access import clusters
from tasks.store.session import in_transaction
from tasks.store.state import departure_note


@flow(name="sync-namespaces", persist_result=False)
@report_errors
async def sync_namespaces(
    only: Annotated[
        list[ClusterName],
        Field(max_length=200),
        form_field("Clusters", "By name; leave it empty for all of them. Example: prod-eu"),
    ] = [],  # noqa: B006 - Prefect shows the default in the form, and nobody changes it
    dry_run: DryRunField = False,
    allow_large: Annotated[
        bool,
        form_field(
            "Allow a large change",
            "Lift the brakes: let many namespaces leave their workspace at once.",
        ),
    ] = False,
) -> State[None]:
    """Read all clusters side by side and bring every pull secret to what is due.

    A cluster that cannot be read keeps all it has. What was found and done is the artifact
    `cluster-<name>`.
    """
    for name in only:
        await in_transaction(clusters.get_cluster, name)  # refuses a name that nobody has
    reports = await sync_clusters(only or None, dry_run=dry_run, allow_large=allow_large)
    await publish_cluster_pages(reports, dry_run=dry_run)
    if not dry_run and any(report.has_changes for report in reports):
        await publish_workspace_pages()
    await send_events()
    workspace_names = sorted({name for report in reports for name in report.departures})
    remark = (
        await in_transaction(departure_note, workspace_names)
        if workspace_names and not dry_run
        else ""
    )
    return _final_state(reports, remark, dry_run=dry_run)


async def publish_cluster_pages(
    reports: tuple[ClusterSyncResult, ...], *, dry_run: bool = False
) -> None:
    """Publish `cluster-<name>` for each cluster with news; a dry run has a page of its own."""
    for report in reports:
        record = await in_transaction(clusters.get_cluster, report.cluster)
        page = cluster_page(
            record, report.plan, report.results, report.unsafe_reason, dry_run=dry_run
        )
        if dry_run:
            await publish_artifact(f"plan-cluster-{report.cluster}", page, "What would be done")
            continue
        digest_source = cluster_digest_source(
            record, report.plan, report.results, report.unsafe_reason
        )
        title = "Its namespaces, and their pull secrets"
        await publish_if_changed(f"cluster-{report.cluster}", page, digest_source, title)


def _final_state(
    reports: tuple[ClusterSyncResult, ...], remark: str, *, dry_run: bool
) -> State[None]:
    change_count = sum(len(report.plan.changes) for report in reports)
    member_count = sum(
        bool(namespace.workspace) for report in reports for namespace in report.namespaces
    )
    verb = "planned" if dry_run else "made"
    summary = (
        f"{pluralize(len(reports), 'cluster')}, {pluralize(member_count, 'namespace')} "
        f"in workspaces, {pluralize(change_count, 'change')} {verb}"
        + (f"; {remark}" if remark else "")
    )
    unreachable = "; ".join(
        report.unavailable_reason for report in reports if report.unavailable_reason
    )
    errors = [report.error for report in reports if report.error]
    if errors:
        return Failed(message=f"{summary}; {'; '.join(errors[:5])}")
    return Completed(message=summary + (f"; {unreachable}" if unreachable else ""))
