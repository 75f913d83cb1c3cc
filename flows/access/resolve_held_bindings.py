"""Restore or drop bindings that are held because what they were made for is not there any more."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.forms.fields import DryRunField, HeldSpacePatterns, HeldWorkspaceNames, KnownRegistry
from flows.forms.schema import shown
from flows.operations.access_changes import carry_through
from flows.operations.reconcile_registry import PATIENCE
from flows.operations.workspace_pages import publish_workspaces
from flows.overview import publish_registries
from flows.registries.reconcile import publish_plan
from flows.runs import ends_plainly, run_id
from models.access.binding import Binding
from models.core.plural import amount
from models.registries.registry import Kind
from tasks import clock
from tasks.pages.held_bindings import held_page
from tasks.prefect.artifacts import publish
from tasks.prefect.events import announce
from tasks.secrets.robot_secrets import open_vault
from tasks.store.access import bindings
from tasks.store.access.binding_change import held, restorable
from tasks.store.leases import leased
from tasks.store.session import stored


class Action(StrEnum):
    """What is done with held bindings."""

    RESTORE = "restore"
    DROP = "drop"


@flow(
    name="resolve-held-bindings",
    flow_run_name="{action} held bindings of {registry}",
    persist_result=False,
)
@ends_plainly
async def resolve_held_bindings(
    registry: KnownRegistry,
    action: Annotated[
        Action,
        shown(
            "Action",
            "Restore: the bindings grant what is there now under the old names. Drop: they are "
            "deleted.",
        ),
    ],
    spaces: HeldSpacePatterns = [],  # noqa: B006 - shown in the form, and never changed
    workspaces: HeldWorkspaceNames = [],  # noqa: B006 - as above
    dry_run: DryRunField = False,
) -> State[None]:
    """Restore or drop the held bindings of a registry.

    A binding is held when its space, or its whole Harbor, was deleted and made again: it grants
    nothing until somebody decides here. Which bindings are meant is the artifact
    `binding-<registry>`.
    """
    asked = await stored(held, registry, spaces, workspaces)
    chosen: tuple[Binding, ...] = asked.bindings
    if action is Action.RESTORE:
        chosen = await stored(restorable, registry, asked.bindings)
        if chosen and asked.kind is Kind.HARBOR:
            await open_vault()  # refuses, before anything is stored, if no secret could be kept
    page = held_page(registry, action.value, asked.bindings, chosen, dry_run=dry_run)
    await publish(f"binding-{registry}", page, "Held bindings, and what becomes of them")
    message = _message(action, asked.bindings, chosen)
    if dry_run or not chosen:
        return Completed(message=f"{message}; nothing was changed")
    if action is Action.RESTORE:
        return await _restore(registry, chosen, message)
    at, run = clock.now(), run_id()
    await stored(bindings.unbind, chosen, "it was held and is dropped", at=at, flow_run=run)
    await _publish(registry, chosen)
    return Completed(message=message)


async def _restore(registry: str, chosen: Sequence[Binding], message: str) -> State[None]:
    at, run = clock.now(), run_id()
    await stored(bindings.bind, chosen, "restored", at=at, flow_run=run)
    async with leased(registry, patience=PATIENCE) as holder:
        effect = await carry_through(registry, holder)
    await publish_plan(effect.report)
    await _publish(registry, chosen)
    return effect.ended(message)


async def _publish(registry: str, chosen: Sequence[Binding]) -> None:
    await publish_registries([registry])
    await publish_workspaces(sorted({one.workspace for one in chosen}))
    await announce()


def _message(action: Action, found: Sequence[Binding], chosen: Sequence[Binding]) -> str:
    if not found:
        return "no held bindings match"
    message = f"{amount(len(chosen), 'held binding')} to {action}"
    behind = sorted({one.space for one in found} - {one.space for one in chosen})
    if behind:
        message += (
            f"; {amount(len(found) - len(chosen), 'binding')} stay held, because the registry has "
            f"no such space: {', '.join(behind[:10])}"
        )
    return message
