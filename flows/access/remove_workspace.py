"""Remove a workspace: revoke its pull access, then delete it."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.access import messages
from flows.forms.fields import DryRunField, ExistingWorkspaceField
from flows.forms.schema import form_field
from flows.operations.access_changes import (
    AccessChangeResult,
    apply_access_change,
    sync_targets,
    to_state,
)
from flows.operations.bindings import unbind
from flows.operations.memberships import remove_workspace_records
from flows.runs import new_run_context, report_errors
from models.access.access_summary import summarize_access
from models.access.binding import Binding
from models.access.binding_update import WORKSPACE_REMOVED
from models.access.requests import check_workspaces_exist
from models.access.target import TargetKind
from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from tasks import clock
from tasks.pages.access_preview import workspace_removal_page
from tasks.pages.binding import summarize_bindings
from tasks.prefect.artifacts import console_path, publish_artifact
from tasks.prefect.events import send_events
from tasks.store.access import bindings, clusters, workspaces
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
    dry_run: DryRunField = False,
) -> State[None]:
    """Remove a workspace; its bindings are removed too if that is confirmed.

    If a namespace label still names the workspace, it is created again, without bindings.
    """
    check_workspaces_exist([name], await in_transaction(workspaces.list_names))
    workspace_bindings = await in_transaction(bindings.list_bindings, workspace=name)
    if dry_run:
        return await _show_preview(name, workspace_bindings)
    if workspace_bindings and not confirm:
        raise InvalidRequest(
            messages.workspace_has_bindings(name, summarize_bindings(workspace_bindings))
        )
    context = new_run_context()
    await in_transaction(unbind, workspace_bindings, WORKSPACE_REMOVED, context)
    results = await _apply_unbindings(workspace_bindings)
    late_bindings = await in_transaction(remove_workspace_records, name, context.at(clock.now()))
    results += await _apply_unbindings(late_bindings)  # bound during this run
    cluster_targets = await sync_targets()
    await send_events()
    registry_targets = [
        target
        for result in results
        for target in result.targets
        if target.kind is TargetKind.REGISTRY
    ]
    summary = summarize_access(
        messages.workspace_removed(name, len(workspace_bindings) + len(late_bindings)),
        [*registry_targets, *cluster_targets],
        get_settings().poll_policy.interval,
    )
    return to_state(summary, [note for result in results for note in result.notes])


async def _show_preview(name: str, workspace_bindings: Sequence[Binding]) -> State[None]:
    members = await in_transaction(clusters.list_namespaces, workspaces=(name,))
    page = workspace_removal_page(name, workspace_bindings, members)
    path = console_path("workspaces", name)
    await publish_artifact(f"removal-workspace-{name}", page, "What the workspace loses", path)
    return Completed(message=messages.workspace_would_be_removed(name, len(workspace_bindings)))


async def _apply_unbindings(former_bindings: Iterable[Binding]) -> list[AccessChangeResult]:
    """Apply the removal of bindings in each registry."""
    names = sorted({binding.registry for binding in former_bindings})
    return [await apply_access_change(registry) for registry in names]
