"""Bind spaces to workspaces: the wish first, then the registry, then the namespaces."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.forms.fields import DryRunField, KnownRegistry, SpacePatterns, WorkspaceNames
from flows.operations.access_changes import carry_through
from flows.operations.reconcile_registry import PATIENCE
from flows.operations.workspace_pages import publish_workspaces
from flows.overview import publish_registries
from flows.registries.reconcile import publish_plan
from flows.runs import ends_plainly, run_id
from models.registries.registry import Kind
from tasks import clock
from tasks.pages.binding import binding_page, counted
from tasks.prefect.artifacts import publish
from tasks.prefect.events import announce
from tasks.secrets.robot_secrets import open_vault
from tasks.store.access import bindings
from tasks.store.access.binding_change import to_bind
from tasks.store.leases import leased
from tasks.store.session import stored


@flow(name="bind-space", flow_run_name="bind spaces of {registry}", persist_result=False)
@ends_plainly
async def bind_space(
    registry: KnownRegistry,
    spaces: SpacePatterns,
    workspaces: WorkspaceNames,
    dry_run: DryRunField = False,
) -> State[None]:
    """Let workspaces pull spaces, in all their namespaces, from the end of this run on.

    Bindings are added to those there are; what somebody else bound stays bound. Who gains what is
    the artifact `binding-<registry>`.
    """
    asked_at = clock.now()
    asked = await stored(to_bind, registry, spaces, workspaces, asked_at)
    told = counted(asked)
    if asked.kind is Kind.HARBOR:
        await open_vault()  # refuses, before anything is stored, if no secret could be kept
    page = binding_page(registry, asked, gain=True, dry_run=dry_run)
    await publish(f"binding-{registry}", page, "Which namespaces gain what")
    if dry_run:
        return Completed(message=f"{told} would be bound; nothing was changed")
    await stored(bindings.bind, asked.bindings, at=asked_at, flow_run=run_id())
    async with leased(registry, patience=PATIENCE) as holder:
        effect = await carry_through(registry, holder)
    seconds = (clock.now() - asked_at).total_seconds()
    await publish_plan(effect.report)
    await publish_registries([registry])
    await publish_workspaces(workspaces)
    await announce()
    return effect.ended(f"{told} bound, in force{effect.where} after {seconds:.1f} s")
