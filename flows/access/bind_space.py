"""Bind spaces to workspaces: save the bindings, update the registry, then pull secrets."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.access import messages
from flows.forms.fields import (
    DryRunField,
    ExistingRegistryField,
    SpacePatternsField,
    WorkspaceNamesField,
)
from flows.operations.access_changes import apply_access_change
from flows.operations.bindings import bind
from flows.registries.reconcile import publish_plan
from flows.runs import new_run_context, report_errors
from models.access.binding_change import plan_bind, requested_keys
from tasks import clock
from tasks.pages.binding import binding_change_page, summarize_change
from tasks.prefect.artifacts import console_path, publish_artifact
from tasks.prefect.events import send_events
from tasks.secrets.robot_secrets import load_cipher
from tasks.store.session import in_transaction
from tasks.store.state import load_binding_records


@flow(name="bind-space", flow_run_name="bind spaces of {registry}", persist_result=False)
@report_errors
async def bind_space(
    registry: ExistingRegistryField,
    spaces: SpacePatternsField,
    workspaces: WorkspaceNamesField,
    dry_run: DryRunField = False,
) -> State[None]:
    """Grant workspaces pull access to spaces, in all their namespaces.

    New bindings are added to existing ones. The artifact `binding-<registry>` lists which
    namespaces gain access. The run's message says where access is in force, and where not yet.
    """
    context = new_run_context()
    records = await in_transaction(load_binding_records, registry)
    binding_change = plan_bind(records, spaces, workspaces, context.now)
    summary = summarize_change(binding_change)
    if binding_change.capabilities.has_robot_accounts:
        await load_cipher(records.key_check)  # raises before anything is saved
    page = binding_change_page(registry, binding_change, gain=True, dry_run=dry_run)
    path = console_path("registries", registry)
    await publish_artifact(f"binding-{registry}", page, "Which namespaces gain access", path)
    if dry_run:
        return Completed(message=messages.would_be("bound", summary))
    await in_transaction(bind, binding_change.bindings, context)
    requested = requested_keys(registry, records.spaces, spaces, workspaces)
    result = await apply_access_change(registry, requested)
    seconds = (clock.now() - context.now).total_seconds()
    await publish_plan(result.registry_result)
    await send_events()
    return result.final_state(f"{summary} bound", seconds)
