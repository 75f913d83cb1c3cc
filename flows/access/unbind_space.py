"""Unbind spaces from workspaces: the wish first, then the registry, then the namespaces."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.forms.fields import DryRunField, KnownRegistry, SpacePatterns, WorkspaceNames
from flows.forms.schema import shown
from flows.operations.access_changes import carry_through
from flows.operations.reconcile_registry import PATIENCE
from flows.operations.workspace_pages import publish_workspaces
from flows.overview import publish_registries
from flows.registries.reconcile import publish_plan
from flows.runs import ends_plainly, run_id
from models.access.requests import check_unbinding
from models.core.settings import settings
from tasks import clock
from tasks.pages.binding import binding_page, counted
from tasks.prefect.artifacts import publish
from tasks.prefect.events import announce
from tasks.store.access import bindings
from tasks.store.access.binding_change import to_unbind
from tasks.store.leases import leased
from tasks.store.session import stored


@flow(name="unbind-space", flow_run_name="unbind spaces of {registry}", persist_result=False)
@ends_plainly
async def unbind_space(
    registry: KnownRegistry,
    spaces: SpacePatterns,
    workspaces: WorkspaceNames,
    dry_run: DryRunField = False,
    allow_large: Annotated[
        bool,
        shown("Allow a large change", "Lift the brakes: let this one run take many bindings away."),
    ] = False,
) -> State[None]:
    """Stop workspaces from pulling spaces: in the registry at once, then in their namespaces.

    Only these bindings go; others of the same spaces and workspaces stay. A token that a node got
    before lives on for up to half an hour on a Harbor, and an image that a node holds stays there.
    """
    asked_at = clock.now()
    asked = await stored(to_unbind, registry, spaces, workspaces)
    told = counted(asked)
    if not (dry_run or allow_large):
        check_unbinding(registry, len(asked.bindings), asked.whole, settings().limits)
    page = binding_page(registry, asked, gain=False, dry_run=dry_run)
    await publish(f"binding-{registry}", page, "Which namespaces lose what")
    if dry_run:
        return Completed(message=f"{told} would be unbound; nothing was changed")
    why = "asked"
    await stored(bindings.unbind, asked.bindings, why, at=asked_at, flow_run=run_id())
    async with leased(registry, patience=PATIENCE) as holder:
        effect = await carry_through(registry, holder)
    seconds = (clock.now() - asked_at).total_seconds()
    await publish_plan(effect.report)
    await publish_registries([registry])
    await publish_workspaces(workspaces)
    await announce()
    return effect.ended(f"{told} unbound, in force{effect.where} after {seconds:.1f} s")
