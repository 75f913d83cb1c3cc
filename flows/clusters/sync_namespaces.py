"""Sync clusters: new, moved and deleted namespaces, and pull secrets that were touched by hand."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.forms.fields import DryRunField
from flows.forms.schema import shown
from flows.operations.sync_clusters import ClusterReport, sync_clusters
from flows.operations.workspace_pages import publish_workspaces
from flows.runs import ends_plainly
from models.core.names import ClusterName
from models.core.plural import amount
from tasks.pages.cluster import cluster_news, cluster_page
from tasks.prefect.artifacts import publish, publish_if_news
from tasks.prefect.events import announce
from tasks.store.access import clusters
from tasks.store.session import stored
from tasks.store.state import departure_remark


@flow(name="sync-namespaces", persist_result=False)
@ends_plainly
async def sync_namespaces(
    only: Annotated[
        list[ClusterName],
        Field(max_length=200),
        shown("Clusters", "By name; leave it empty for all of them. Example: prod-eu"),
    ] = [],  # noqa: B006 - Prefect shows the default in the form, and nobody changes it
    dry_run: DryRunField = False,
    allow_large: Annotated[
        bool,
        shown(
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
        await stored(clusters.known, name)  # refuses a name that nobody has
    reports = await sync_clusters(only or None, dry_run=dry_run, allow_large=allow_large)
    await publish_clusters(reports, dry_run=dry_run)
    if not dry_run and any(report.news for report in reports):
        await publish_workspaces()
    await announce()
    left = sorted({name for report in reports for name in report.departed})
    remark = await stored(departure_remark, left) if left and not dry_run else ""
    return _ended(reports, remark, dry_run=dry_run)


async def publish_clusters(reports: tuple[ClusterReport, ...], *, dry_run: bool = False) -> None:
    """Publish `cluster-<name>` for each cluster with news; a dry run has a page of its own."""
    for report in reports:
        known = await stored(clusters.known, report.cluster)
        page = cluster_page(known, report.plan, report.outcomes, report.refused, dry_run=dry_run)
        if dry_run:
            await publish(f"plan-cluster-{report.cluster}", page, "What would be done")
            continue
        news = cluster_news(known, report.plan, report.outcomes, report.refused)
        title = "Its namespaces, and their pull secrets"
        await publish_if_news(f"cluster-{report.cluster}", page, news, title)


def _ended(reports: tuple[ClusterReport, ...], remark: str, *, dry_run: bool) -> State[None]:
    changes = sum(len(report.plan.changes) for report in reports)
    members = sum(bool(one.workspace) for report in reports for one in report.namespaces)
    made = "planned" if dry_run else "made"
    told = (
        f"{amount(len(reports), 'cluster')}, {amount(members, 'namespace')} in workspaces, "
        f"{amount(changes, 'change')} {made}" + (f"; {remark}" if remark else "")
    )
    unread = "; ".join(report.unread for report in reports if report.unread)
    problems = [report.problem for report in reports if report.problem]
    if problems:
        return Failed(message=f"{told}; {'; '.join(problems[:5])}")
    return Completed(message=told + (f"; {unread}" if unread else ""))
