"""Create a workspace, or replace its list of namespaces."""

from collections.abc import Sequence

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.access import messages
from flows.forms.fields import (
    DescriptionField,
    DryRunField,
    NamespacesField,
    NewServiceAccountsField,
    WorkspaceClustersField,
    WorkspaceField,
)
from flows.operations.access_changes import to_state
from flows.operations.memberships import add_or_update_workspace
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.operations.sync_clusters import sync_registered_clusters
from flows.runs import new_run_context, report_errors
from models.access.access_summary import summarize_access
from models.access.binding import Workspace
from models.access.requests import parse_clusters, parse_namespaces, parse_service_accounts
from models.clusters.membership import leaving_members
from models.clusters.service_account_choice import DEFAULT_ACCOUNTS
from models.core.settings import get_settings
from tasks.pages.access_preview import workspace_change_page
from tasks.prefect.artifacts import console_path, publish_artifact
from tasks.prefect.events import send_events
from tasks.store.access import clusters as cluster_store
from tasks.store.access import workspaces
from tasks.store.session import in_transaction


@flow(name="create-workspace", flow_run_name="create workspace {name}", persist_result=False)
@report_errors
async def create_workspace(
    name: WorkspaceField,
    namespaces: NamespacesField = [],  # noqa: B006 - shown in the form, never modified
    description: DescriptionField = "",
    service_accounts: NewServiceAccountsField = None,
    clusters: WorkspaceClustersField = [],  # noqa: B006 - shown in the form, never modified
    dry_run: DryRunField = False,
) -> State[None]:
    """Create a workspace, or replace the lists and the description of an existing one.

    A namespace label that names a workspace also creates it; then no list is needed. A listed
    namespace that is deleted and created again is no member until it is listed again. An existing
    workspace keeps its choice of ServiceAccounts unless another one is given.
    """
    registered = await in_transaction(cluster_store.list_names)
    assignments = parse_namespaces(namespaces, registered)
    allowed_clusters = parse_clusters(clusters, assignments, registered)
    before = await in_transaction(workspaces.get_workspace, name)
    choice = before.service_accounts if before else DEFAULT_ACCOUNTS
    if service_accounts is not None:
        choice = parse_service_accounts(service_accounts)
    workspace = Workspace(
        name=name,
        description=description,
        service_accounts=choice,
        clusters=allowed_clusters,
    )
    if dry_run:
        return await _show_preview(before, workspace, assignments)
    await in_transaction(add_or_update_workspace, workspace, assignments, new_run_context())
    results = await sync_registered_clusters(wait_seconds=LEASE_WAIT_SECONDS)
    await send_events()
    members = await in_transaction(cluster_store.list_namespaces, workspaces=(name,))
    problems = [
        namespace
        for result in results
        for namespace in result.namespaces
        if namespace.problem
        and not namespace.workspace
        and (namespace.cluster, namespace.name) in assignments
    ]
    return to_state(
        summarize_access(
            messages.workspace_namespaces(name, len(members), problems),
            [result.target([name]) for result in results],
            get_settings().poll_policy.interval,
        )
    )


async def _show_preview(
    before: Workspace | None, after: Workspace, listed_then: Sequence[tuple[str, str]]
) -> State[None]:
    listed = (await in_transaction(workspaces.list_listed_namespaces)).get(after.name, frozenset())
    members = await in_transaction(cluster_store.list_namespaces, workspaces=(after.name,))
    leaving = leaving_members(members, after.name, listed_then, after.clusters)
    page = workspace_change_page(before, after, listed, listed_then, leaving)
    path = console_path("workspaces", after.name)
    await publish_artifact(f"plan-workspace-{after.name}", page, "What would change", path)
    return Completed(message=messages.workspace_would_be_changed(after.name, len(leaving)))
