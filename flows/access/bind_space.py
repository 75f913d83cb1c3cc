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
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.operations.workspace_pages import publish_workspace_pages
from flows.overview import publish_registry_pages
from flows.registries.reconcile import publish_plan
from flows.runs import flow_run_id, report_errors
from tasks import clock
from tasks.pages.binding import binding_change_page, summarize_change
from tasks.prefect.artifacts import publish_artifact
from tasks.prefect.events import send_events
from tasks.secrets.robot_secrets import load_cipher
from tasks.store.access import bindings
from tasks.store.access.binding_change import plan_bind
from tasks.store.leases import lease
from tasks.store.session import in_transaction


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
    namespaces gain access. Access is in effect when the run ends.
    """
    requested_at = clock.now()
    binding_change = await in_transaction(plan_bind, registry, spaces, workspaces, requested_at)
    summary = summarize_change(binding_change)
    if binding_change.capabilities.has_robot_accounts:
        await load_cipher()  # raises before anything is saved if secrets cannot be encrypted
    page = binding_change_page(registry, binding_change, gain=True, dry_run=dry_run)
    await publish_artifact(f"binding-{registry}", page, "Which namespaces gain access")
    if dry_run:
        return Completed(message=messages.would_be("bound", summary))
    await in_transaction(
        bindings.bind, binding_change.bindings, at=requested_at, flow_run=flow_run_id()
    )
    async with lease(registry, wait_seconds=LEASE_WAIT_SECONDS) as lease_id:
        result = await apply_access_change(registry, lease_id)
    seconds = (clock.now() - requested_at).total_seconds()
    await publish_plan(result.registry_result)
    await publish_registry_pages([registry])
    await publish_workspace_pages(workspaces)
    await send_events()
    message = messages.in_effect("bound", summary, result.scope_note, seconds)
    return result.final_state(message)
