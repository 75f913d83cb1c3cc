"""Restore or drop bindings that are held because their space or Harbor was replaced."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.access import messages
from flows.forms.fields import (
    DryRunField,
    ExistingRegistryField,
    HeldSpacePatternsField,
    HeldWorkspaceNamesField,
)
from flows.forms.schema import form_field
from flows.operations.access_changes import apply_access_change
from flows.operations.bindings import bind, unbind
from flows.registries.reconcile import publish_plan
from flows.runs import new_run_context, report_errors
from models.access.binding import Binding
from models.access.binding_change import restorable_bindings, select_held_bindings
from tasks.pages.held_bindings import held_bindings_page
from tasks.prefect.artifacts import console_path, publish_artifact
from tasks.prefect.events import send_events
from tasks.secrets.robot_secrets import load_cipher
from tasks.store.session import in_transaction
from tasks.store.state import load_binding_records


class HeldBindingAction(StrEnum):
    """What to do with held bindings."""

    RESTORE = "restore"
    DROP = "drop"


@flow(
    name="resolve-held-bindings",
    flow_run_name="{action} held bindings of {registry}",
    persist_result=False,
)
@report_errors
async def resolve_held_bindings(
    registry: ExistingRegistryField,
    action: Annotated[
        HeldBindingAction,
        form_field(
            "Action",
            "Restore: the bindings grant access to the new spaces of the same names. Drop: delete "
            "the bindings.",
        ),
    ],
    spaces: HeldSpacePatternsField = [],  # noqa: B006 - shown in the form, never modified
    workspaces: HeldWorkspaceNamesField = [],  # noqa: B006 - as above
    dry_run: DryRunField = False,
) -> State[None]:
    """Restore or drop the held bindings of a registry.

    A binding is held if its space, or its whole Harbor, was deleted and created again: it grants
    nothing until this flow restores it. The artifact `binding-<registry>` lists the selected
    bindings.
    """
    records = await in_transaction(load_binding_records, registry)
    binding_change = select_held_bindings(records, spaces, workspaces)
    selection: tuple[Binding, ...] = binding_change.bindings
    if action is HeldBindingAction.RESTORE:
        selection = restorable_bindings(records, binding_change.bindings)
        if selection and binding_change.capabilities.has_robot_accounts:
            await load_cipher(records.key_check)  # raises before anything is saved
    page = held_bindings_page(
        registry, action.value, binding_change.bindings, selection, dry_run=dry_run
    )
    path = console_path("registries", registry)
    await publish_artifact(f"binding-{registry}", page, "Held bindings to restore or to drop", path)
    message = _message(action, binding_change.bindings, selection, dry_run=dry_run)
    if dry_run or not selection:
        return Completed(message=message)
    if action is HeldBindingAction.RESTORE:
        return await _restore(registry, selection, message)
    await in_transaction(unbind, selection, messages.HELD_BINDING_DROPPED, new_run_context())
    await send_events()
    return Completed(message=message)


async def _restore(registry: str, selection: Sequence[Binding], message: str) -> State[None]:
    reason = messages.HELD_BINDING_RESTORED
    await in_transaction(bind, selection, new_run_context(), reason)
    requested = {(binding.space, binding.workspace) for binding in selection}
    result = await apply_access_change(registry, requested)
    await publish_plan(result.registry_result)
    await send_events()
    return result.final_state(message)


def _message(
    action: HeldBindingAction,
    matches: Sequence[Binding],
    selection: Sequence[Binding],
    *,
    dry_run: bool,
) -> str:
    missing_spaces = sorted(
        {binding.space for binding in matches} - {binding.space for binding in selection}
    )
    held_count = len(matches) - len(selection)
    return messages.held_bindings(
        action.value, len(selection), held_count, missing_spaces, dry_run=dry_run
    )
