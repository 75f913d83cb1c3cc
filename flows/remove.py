"""Remove a registry from this service; the registry itself is not touched."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.ending import ends_plainly, run_id
from flows.forms import KnownRegistry
from flows.overview import refresh_overview
from flows.reconcile import PATIENCE
from flows.showing import shown
from models.audit import Entry
from tasks import clock
from tasks.announce import announce
from tasks.publish import publish
from tasks.reports.removal import removal_page
from tasks.store import registries, spaces
from tasks.store.leases import leased
from tasks.store.session import stored


@flow(name="remove-registry", flow_run_name="remove {name}", persist_result=False)
@ends_plainly
async def remove_registry(
    name: KnownRegistry,
    confirm: Annotated[bool, shown("Confirm", "Off: only show what would be forgotten.")] = False,
) -> State[None]:
    """Forget a registry and its spaces. Its audit is kept, and the registry itself is not touched.

    What goes is listed in the artifact `removal-<registry>`.
    """
    async with leased(name, patience=PATIENCE):
        found = await stored(registries.dossier, name)
        known = await stored(spaces.spaces, name)
        page = removal_page(found, known, confirmed=confirm)
        await publish(f"removal-{name}", page, "What is forgotten")
        if not confirm:
            return Completed(
                message=f"{name} and {len(known)} spaces would be forgotten; run it again with "
                "'Confirm' on to do so"
            )
        entry = Entry(subject=name, what="registry.removed", before=found.registry.address)
        await stored(registries.remove, name, entry, at=clock.now(), flow_run=run_id())
    await refresh_overview()
    await announce()
    return Completed(message=f"{name} and {len(known)} spaces are forgotten")
