"""Set spaces public or private: the wish first, then the registry, then what was seen."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms.fields import KnownRegistry, SpaceNames, VisibilityField
from flows.forms.schema import shown
from flows.operations.access_changes import share
from flows.operations.reconcile_registry import PATIENCE, reconcile
from flows.overview import refresh_overview
from flows.registries.reconcile import ended, publish_plan
from flows.runs import ends_plainly, run_id
from models.access.requests import check_narrowing, desired
from models.core.settings import settings
from tasks import clock
from tasks.prefect.events import announce
from tasks.store.leases import leased
from tasks.store.registries import registries, spaces
from tasks.store.session import stored


@flow(
    name="set-space-visibility",
    flow_run_name="set {registry} {visibility}",
    persist_result=False,
)
@ends_plainly
async def set_space_visibility(
    registry: KnownRegistry,
    names: SpaceNames,
    visibility: VisibilityField,
    allow_large: Annotated[
        bool,
        shown(
            "Allow a large change",
            "Lift the brakes: let this one run make many spaces private at once.",
        ),
    ] = False,
) -> State[None]:
    """Set the visibility of spaces; from then on it is kept as set here.

    Another change made in the registry's own console is drift, and is dealt with by the registry's
    drift policy.
    """
    async with leased(registry, patience=PATIENCE) as holder:
        await stored(registries.dossier, registry)  # refuses a name that nobody has
        known = await stored(spaces.spaces, registry)
        wishes = desired(registry, known, names, visibility)
        if not allow_large:
            check_narrowing(registry, known, wishes, settings().limits)
        await stored(
            spaces.wish, registry, wishes, holder=holder, at=clock.now(), flow_run=run_id()
        )
        report = await reconcile(registry, holder, allow_large=allow_large)
    await share(registry)
    await publish_plan(report)
    await refresh_overview(registry)
    await announce()
    return ended(report)
