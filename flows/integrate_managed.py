"""Integrate a managed Harbor the moment the platform says that it was created."""

import asyncio
import time
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.discovering import configured_trust, discover
from flows.ending import ends_plainly
from flows.forms import KnownCluster
from flows.reconciling import PATIENCE
from flows.showing import shown
from models.cluster import Cluster
from models.errors import IntegrationError
from models.managed import Managed, Standing
from models.names import NamespaceName
from models.settings import settings
from tasks.announce import announce
from tasks.discovering import look_for_harbors
from tasks.store import clusters, managed
from tasks.store.leases import leased
from tasks.store.session import stored

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 20.0


@flow(
    name="integrate-managed-harbor",
    flow_run_name="integrate {cluster}/{namespace}/{name}",
    persist_result=False,
)
@ends_plainly
async def integrate_managed_harbor(
    cluster: KnownCluster,
    namespace: Annotated[NamespaceName, shown("Namespace", "Where it is in the cluster.")],
    name: Annotated[
        str,
        Field(min_length=1, max_length=253),
        shown("Name", "Of the HarborCluster, or of the Helm release."),
    ],
    adopt_again: Annotated[
        bool, shown("Adopt again", "Also if somebody removed it from this service before.")
    ] = False,
) -> State[None]:
    """Integrate one managed Harbor now. One that is not ready is waited for, up to a limit.

    It may be said twice, too early, or for a Harbor that is there already: nothing is done twice,
    and what is not ready in time is left to discover-managed-harbors.
    """
    home = (await stored(clusters.known, cluster)).cluster
    deadline, pause = time.monotonic() + settings().managed_wait_seconds, _FIRST_PAUSE
    while True:
        found, unread = await _attempt(home, namespace, name, adopt_again=adopt_again)
        if found is not None and found.standing is not Standing.WAITING:
            break
        if time.monotonic() + pause > deadline:
            break
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    await announce()
    return _ended(f"{cluster}/{namespace}/{name}", found, unread)


async def _attempt(
    home: Cluster, namespace: str, name: str, *, adopt_again: bool
) -> tuple[Managed | None, str]:
    """Look at the cluster once, and do what is to be done about this Harbor.

    Returns:
        How it stands, and why the cluster could not be read if it could not.
    """
    async with leased(f"discovery/{home.name}", patience=PATIENCE):
        section = await look_for_harbors(home, configured_trust())
        if adopt_again:
            await stored(managed.let_in, home.name, namespace, name)
        act = await discover(home, section, only=(namespace, name))
    if act.failures:
        raise IntegrationError(act.failures[0])
    known = await stored(managed.managed)
    place = home.name, namespace, name
    there = (
        one for one in known if (one.place.cluster, one.place.namespace, one.place.name) == place
    )
    return next(there, None), act.unread


def _ended(place: str, found: Managed | None, unread: str) -> State[None]:
    if found is None and unread:
        return Failed(message=f"{place}: {unread}; discover-managed-harbors goes on")
    if found is None:
        return Failed(message=f"there is no managed Harbor {place}; check its name and its cluster")
    if found.standing is Standing.ADOPTED:
        return Completed(message=f"{place} is integrated as {found.registry}")
    if found.standing is Standing.WAITING:
        said = f"{place} is not ready yet ({found.message}); discover-managed-harbors goes on"
        return Completed(message=said)
    return Failed(message=f"{place} is {found.standing}: {found.message}")
