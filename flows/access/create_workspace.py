"""Create a workspace, or give it other namespaces."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.clusters.sync_namespaces import publish_clusters
from flows.forms.fields import DescriptionField, NamespaceList, WorkspaceField
from flows.operations.reconcile_registry import PATIENCE
from flows.operations.sync_clusters import sync_clusters
from flows.operations.workspace_pages import publish_workspaces
from flows.runs import ends_plainly, run_id
from models.access.binding import Workspace
from models.access.requests import listed_namespaces
from models.core.plural import amount
from tasks import clock
from tasks.prefect.events import announce
from tasks.store.access import clusters, workspaces
from tasks.store.session import stored


@flow(name="create-workspace", flow_run_name="create workspace {name}", persist_result=False)
@ends_plainly
async def create_workspace(
    name: WorkspaceField,
    namespaces: NamespaceList = [],  # noqa: B006 - shown in the form, and never changed
    description: DescriptionField = "",
) -> State[None]:
    """Create a workspace. One that is there gets this list of namespaces and this description.

    A workspace also appears by itself when a namespace's label names it; then no list is needed.
    """
    listed = listed_namespaces(namespaces, await stored(clusters.names))
    workspace = Workspace(name=name, description=description)
    at, run = clock.now(), run_id()
    await stored(workspaces.create, workspace, listed, at=at, flow_run=run)
    reports = await sync_clusters(patience=PATIENCE)
    await publish_clusters(reports)
    await publish_workspaces([name])
    await announce()
    members = [one for report in reports for one in report.namespaces if one.workspace == name]
    told = f"workspace {name} has {amount(len(members), 'namespace')}"
    problems = [report.problem for report in reports if report.problem]
    return Failed(message=f"{told}; {problems[0]}") if problems else Completed(message=told)
