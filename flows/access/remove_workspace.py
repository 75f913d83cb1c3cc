"""Remove a workspace: its bindings first, so that nobody pulls for it any more."""

from collections.abc import Iterable
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.forms.fields import ExistingWorkspaceField
from flows.forms.schema import form_field
from flows.operations.access_changes import apply_access_change
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.operations.sync_clusters import sync_clusters
from flows.runs import flow_run_id, report_errors
from models.access.binding import Binding
from models.core.errors import InvalidRequest
from tasks import clock
from tasks.pages.binding import summarize_bindings
from tasks.prefect.events import send_events
from tasks.store.access import bindings, workspaces
from tasks.store.leases import lease
from tasks.store.session import in_transaction


@flow(name="remove-workspace", flow_run_name="remove workspace {name}", persist_result=False)
@report_errors
async def remove_workspace(
    name: ExistingWorkspaceField,
    confirm: Annotated[
        bool,
        form_field(
            "Confirm",
            "Off: it is removed only if it has no bindings. On: its bindings are taken away with "
            "it.",
        ),
    ] = False,
) -> State[None]:
    """Remove a workspace. One that has bindings is removed only if that is confirmed.

    A workspace that a namespace's label still names comes back, without bindings.
    """
    await in_transaction(workspaces.ensure_exist, [name])
    workspace_bindings = await in_transaction(bindings.list_bindings, workspace=name)
    if workspace_bindings and not confirm:
        raise InvalidRequest(
            f"workspace {name} is bound to {summarize_bindings(workspace_bindings)}; unbind them "
            "with unbind-space, or run this again with 'Confirm' on to take them away with it"
        )
    at, run = clock.now(), flow_run_id()
    await in_transaction(
        bindings.unbind, workspace_bindings, "the workspace is removed", at=at, flow_run=run
    )
    errors = await _apply_unbindings(workspace_bindings)
    late_bindings = await in_transaction(
        workspaces.delete_workspace, name, at=clock.now(), flow_run=run
    )
    errors += await _apply_unbindings(late_bindings)  # somebody bound it while this run was at work
    await sync_clusters(wait_seconds=LEASE_WAIT_SECONDS)
    await send_events()
    binding_count = len(workspace_bindings) + len(late_bindings)
    summary = f"workspace {name} and its bindings ({binding_count}) are removed"
    later = f"; the next runs go on with: {'; '.join(errors)}" if errors else ""
    return Completed(message=summary + later)


async def _apply_unbindings(former_bindings: Iterable[Binding]) -> list[str]:
    """Bring what is not bound any more into force, and return what speaks against it."""
    errors = []
    for registry in sorted({binding.registry for binding in former_bindings}):
        async with lease(registry, wait_seconds=LEASE_WAIT_SECONDS) as lease_id:
            result = await apply_access_change(registry, lease_id)
        errors += [result.error] if result.error else []
    return errors
