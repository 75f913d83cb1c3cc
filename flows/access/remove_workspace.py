"""Remove a workspace: revoke its pull access, then delete it."""

from collections.abc import Iterable
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.access import messages
from flows.forms.fields import ExistingWorkspaceField
from flows.forms.schema import form_field
from flows.operations.access_changes import apply_access_change
from flows.operations.bindings import unbind
from flows.operations.memberships import remove_workspace_records
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.operations.sync_clusters import sync_clusters
from flows.runs import new_run_context, report_errors
from models.access.binding import Binding
from models.access.binding_update import WORKSPACE_REMOVED
from models.access.requests import check_workspaces_exist
from models.core.errors import InvalidRequest
from tasks import clock
from tasks.pages.binding import summarize_bindings
from tasks.prefect.events import send_events
from tasks.store.access import bindings, workspaces
from tasks.store.session import in_transaction


@flow(name="remove-workspace", flow_run_name="remove workspace {name}", persist_result=False)
@report_errors
async def remove_workspace(
    name: ExistingWorkspaceField,
    confirm: Annotated[
        bool,
        form_field(
            "Confirm",
            "Off: remove the workspace only if it has no bindings. On: remove its bindings too.",
        ),
    ] = False,
) -> State[None]:
    """Remove a workspace; its bindings are removed too if that is confirmed.

    If a namespace label still names the workspace, it is created again, without bindings.
    """
    check_workspaces_exist([name], await in_transaction(workspaces.list_names))
    workspace_bindings = await in_transaction(bindings.list_bindings, workspace=name)
    if workspace_bindings and not confirm:
        raise InvalidRequest(
            messages.workspace_has_bindings(name, summarize_bindings(workspace_bindings))
        )
    context = new_run_context()
    await in_transaction(unbind, workspace_bindings, WORKSPACE_REMOVED, context)
    errors = await _apply_unbindings(workspace_bindings)
    late_bindings = await in_transaction(remove_workspace_records, name, context.at(clock.now()))
    errors += await _apply_unbindings(late_bindings)  # bound during this run
    await sync_clusters(wait_seconds=LEASE_WAIT_SECONDS)
    await send_events()
    binding_count = len(workspace_bindings) + len(late_bindings)
    return Completed(message=messages.workspace_removed(name, binding_count, errors))


async def _apply_unbindings(former_bindings: Iterable[Binding]) -> list[str]:
    """Apply the removal of bindings in each registry, and return the errors."""
    errors = []
    for registry in sorted({binding.registry for binding in former_bindings}):
        result = await apply_access_change(registry)
        errors += [result.error] if result.error else []
    return errors
