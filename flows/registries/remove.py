"""Remove a registry: unbind, revoke, withdraw, forget."""

from functools import partial
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms.fields import KnownRegistry
from flows.forms.schema import shown
from flows.operations.reconcile_registry import PATIENCE
from flows.operations.removal import forget
from flows.operations.sync_clusters import sync_clusters
from flows.operations.workspace_pages import publish_workspaces
from flows.overview import refresh_overview
from flows.runs import ends_plainly
from models.core.plural import amount
from tasks.pages.removal import removal_page
from tasks.prefect.artifacts import publish
from tasks.prefect.events import announce
from tasks.store.access import bindings, clusters, managed_harbors
from tasks.store.leases import leased
from tasks.store.registries import registries, robots, spaces
from tasks.store.session import stored


@flow(name="remove-registry", flow_run_name="remove {name}", persist_result=False)
@ends_plainly
async def remove_registry(
    name: KnownRegistry,
    confirm: Annotated[
        bool, shown("Confirm", "Off: only show what would go, and change nothing.")
    ] = False,
) -> State[None]:
    """Unbind a registry's spaces, delete our robot accounts in it, withdraw it from pull secrets,
    and forget it. Its spaces and images are not touched, and its audit is kept.

    What goes is listed in the artifact `removal-<registry>`. A registry that is out of reach is
    forgotten all the same; the artifact then lists the robot accounts that stay behind there.
    """
    async with leased(name, patience=PATIENCE) as holder:
        told = await _preview(name, confirmed=confirm)
        if not confirm:
            return Completed(
                message=f"{told} would be forgotten; run it again with 'Confirm' on to do so"
            )
        keep_out = partial(managed_harbors.keep_out, registry=name)
        behind = await forget(name, holder, "by hand", at_once=keep_out)
    reports = await sync_clusters(patience=PATIENCE)
    await refresh_overview()
    await publish_workspaces()
    await announce()
    problems = [report.problem for report in reports if report.problem]
    if behind:
        names = ", ".join(grant.login for grant in behind[:20])
        problems.append(f"it is out of reach, so these robot accounts stay behind in it: {names}")
    if problems:
        return Failed(message=f"{told} is forgotten; {'; '.join(problems[:5])}")
    return Completed(message=f"{told} is forgotten")


async def _preview(name: str, *, confirmed: bool) -> str:
    """List what goes, and return it in one sentence."""
    found = await stored(registries.dossier, name)
    known = await stored(spaces.spaces, name)
    bound = await stored(bindings.bindings, registry=name)
    made = await stored(robots.grants, name)
    holding = await stored(clusters.holding, name)
    page = removal_page(found, known, bound, made, holding, confirmed=confirmed)
    await publish(f"removal-{name}", page, "What goes with the registry")
    counted = (
        amount(len(known), "space"),
        amount(len(bound), "binding"),
        amount(len(made), "robot account"),
        f"the logins of {amount(len(holding), 'namespace')}",
    )
    return f"{name} with {', '.join(counted)}"
