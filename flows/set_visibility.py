"""Set spaces public or private: the wish first, then the registry, then what was seen."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.ending import ends_plainly, run_id
from flows.forms import SpaceNames
from flows.overview import refresh_overview
from flows.reconcile import PATIENCE, ended, publish_plan, reconcile
from models.names import RegistryName
from models.settings import settings
from models.space import Visibility
from models.wishes import check_narrowing, desired
from tasks import clock
from tasks.announce import announce
from tasks.store import spaces
from tasks.store.leases import leased
from tasks.store.session import stored


@flow(
    name="set-space-visibility",
    flow_run_name="set {registry} {visibility}",
    persist_result=False,
)
@ends_plainly
async def set_space_visibility(
    registry: Annotated[RegistryName, Field(title="Registry")],
    names: SpaceNames,
    visibility: Annotated[
        Visibility,
        Field(
            title="Visibility",
            description="Public: every namespace of the platform may pull. Private: only those of "
            "bound workspaces.",
        ),
    ],
    allow_large: Annotated[
        bool,
        Field(
            title="Allow a large change",
            description="Lift the brakes: let this one run make many spaces private at once.",
        ),
    ] = False,
) -> State[None]:
    """Set the visibility of spaces; from then on it is kept as set here.

    Another change made in the registry's own console is drift, and is dealt with by the registry's
    drift policy.
    """
    async with leased(registry, patience=PATIENCE) as holder:
        known = await stored(spaces.spaces, registry)
        wishes = desired(registry, known, names, visibility)
        if not allow_large:
            check_narrowing(registry, known, wishes, settings().limits)
        await stored(
            spaces.wish, registry, wishes, holder=holder, at=clock.now(), flow_run=run_id()
        )
        report = await reconcile(registry, holder, allow_large=allow_large)
    await publish_plan(report)
    await refresh_overview(registry)
    await announce()
    return ended(report)
