"""Create spaces: the wish is stored first, then carried out, then what was seen is saved."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms.fields import KnownRegistry, SpaceNames, VisibilityField
from flows.operations.access_changes import share
from flows.operations.reconcile_registry import PATIENCE, reconcile
from flows.overview import refresh_overview
from flows.registries.reconcile import ended, publish_plan
from flows.runs import ends_plainly, run_id
from models.access.requests import declared
from models.registries.space import Visibility
from tasks import clock
from tasks.prefect.events import announce
from tasks.store.leases import leased
from tasks.store.registries import registries, spaces
from tasks.store.session import stored


@flow(name="create-space", flow_run_name="create space in {registry}", persist_result=False)
@ends_plainly
async def create_space(
    registry: KnownRegistry,
    names: SpaceNames,
    visibility: VisibilityField = Visibility.PRIVATE,
) -> State[None]:
    """Create spaces in a registry: projects of a Harbor.

    A Docker Registry has no projects: there a space is a path prefix, and creating one means
    that the platform knows it before the first image is pushed.
    """
    async with leased(registry, patience=PATIENCE) as holder:
        kind = (await stored(registries.dossier, registry)).registry.kind
        known = await stored(spaces.spaces, registry)
        wishes = declared(kind, known, names, visibility)
        await stored(
            spaces.wish, registry, wishes, holder=holder, at=clock.now(), flow_run=run_id()
        )
        report = await reconcile(registry, holder)
    await share(registry)
    await publish_plan(report)
    await refresh_overview(registry)
    await announce()
    return ended(report)
