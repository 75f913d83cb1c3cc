"""Remove a workspace: its bindings first, so that nobody pulls for it any more."""

from collections.abc import Iterable
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.forms.fields import KnownWorkspace
from flows.forms.schema import shown
from flows.operations.access_changes import carry_through
from flows.operations.reconcile_registry import PATIENCE
from flows.operations.sync_clusters import sync_clusters
from flows.runs import ends_plainly, run_id
from models.access.binding import Binding
from models.core.errors import InputRefused
from tasks import clock
from tasks.pages.binding import bindings_told
from tasks.prefect.events import announce
from tasks.store.access import bindings, workspaces
from tasks.store.leases import leased
from tasks.store.session import stored


@flow(name="remove-workspace", flow_run_name="remove workspace {name}", persist_result=False)
@ends_plainly
async def remove_workspace(
    name: KnownWorkspace,
    confirm: Annotated[
        bool,
        shown(
            "Confirm",
            "Off: it is removed only if it has no bindings. On: its bindings are taken away with "
            "it.",
        ),
    ] = False,
) -> State[None]:
    """Remove a workspace. One that has bindings is removed only if that is confirmed.

    A workspace that a namespace's label still names comes back, without bindings.
    """
    await stored(workspaces.check_known, [name])
    bound = await stored(bindings.bindings, workspace=name)
    if bound and not confirm:
        raise InputRefused(
            f"workspace {name} is bound to {bindings_told(bound)}; unbind them with unbind-space, "
            "or run this again with 'Confirm' on to take them away with it"
        )
    at, run = clock.now(), run_id()
    await stored(bindings.unbind, bound, "the workspace is removed", at=at, flow_run=run)
    problems = await _carry_through(bound)
    late = await stored(workspaces.remove, name, at=clock.now(), flow_run=run)
    problems += await _carry_through(late)  # somebody bound it while this run was at work
    await sync_clusters(patience=PATIENCE)
    await announce()
    told = f"workspace {name} and its bindings ({len(bound) + len(late)}) are removed"
    later = f"; the next runs go on with: {'; '.join(problems)}" if problems else ""
    return Completed(message=told + later)


async def _carry_through(gone: Iterable[Binding]) -> list[str]:
    """Bring what is not bound any more into force, and return what speaks against it."""
    problems = []
    for registry in sorted({one.registry for one in gone}):
        async with leased(registry, patience=PATIENCE) as holder:
            effect = await carry_through(registry, holder)
        problems += [effect.problem] if effect.problem else []
    return problems
