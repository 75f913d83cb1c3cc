"""Unbind spaces from workspaces: the wish first, then the registry, then the namespaces."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.carrying import carry_through
from flows.ending import ends_plainly, run_id
from flows.forms import DryRunField, KnownRegistry, SpacePatterns, WorkspaceNames
from flows.overview import publish_registries
from flows.reconcile import publish_plan
from flows.reconciling import PATIENCE
from flows.showing import shown
from flows.workspace_pages import publish_workspaces
from models.settings import settings
from models.wishes import check_unbinding
from tasks import clock
from tasks.announce import announce
from tasks.publish import publish
from tasks.reports.binding import binding_page, counted
from tasks.store import bindings
from tasks.store.asking import to_unbind
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
