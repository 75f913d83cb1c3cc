"""Unbind spaces from workspaces: delete the bindings, update the registry, then pull secrets."""

from typing import Annotated

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
from flows.forms.schema import form_field
from flows.operations.access_changes import apply_access_change
from flows.operations.bindings import unbind
from flows.registries.reconcile import publish_plan
from flows.runs import new_run_context, report_errors
from models.access.binding_change import plan_unbind
from models.access.binding_update import REQUESTED
from models.access.requests import check_unbind_limit
from models.core.settings import get_settings
from tasks import clock
from tasks.pages.binding import binding_change_page, summarize_change
from tasks.prefect.artifacts import console_path, publish_artifact
from tasks.prefect.events import send_events
from tasks.store.session import in_transaction
from tasks.store.state import load_binding_records


@flow(name="unbind-space", flow_run_name="unbind spaces of {registry}", persist_result=False)
@report_errors
async def unbind_space(
    registry: ExistingRegistryField,
    spaces: SpacePatternsField,
    workspaces: WorkspaceNamesField,
    dry_run: DryRunField = False,
    allow_large: Annotated[
        bool,
        form_field(
            "Allow a large change",
            "Lift the safety limits for this run: allow it to remove many bindings.",
        ),
    ] = False,
) -> State[None]:
    """Revoke pull access of workspaces to spaces: first in the registry, then in pull secrets.

    Only the selected bindings are removed. A token that a node obtained from Harbor before remains
    valid for up to 30 minutes, and images already on a node remain there.
    """
    context = new_run_context()
    records = await in_transaction(load_binding_records, registry)
    binding_change = plan_unbind(records, spaces, workspaces)
    summary = summarize_change(binding_change)
    if not (dry_run or allow_large):
        check_unbind_limit(
            registry,
            len(binding_change.bindings),
            binding_change.total_count,
            get_settings().change_limits,
        )
    page = binding_change_page(registry, binding_change, gain=False, dry_run=dry_run)
    path = console_path("registries", registry)
    await publish_artifact(f"binding-{registry}", page, "Which namespaces lose access", path)
    if dry_run:
        return Completed(message=messages.would_be("unbound", summary))
    await in_transaction(unbind, binding_change.bindings, REQUESTED, context)
    result = await apply_access_change(registry)
    seconds = (clock.now() - context.now).total_seconds()
    await publish_plan(result.registry_result)
    await send_events()
    return result.final_state(f"{summary} unbound", seconds)
