"""Integrate a managed Harbor the moment the platform says that it was created."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.forms.fields import KnownCluster
from flows.forms.schema import shown
from flows.operations.managed_harbors import discover, trust_in
from flows.operations.reconcile_registry import PATIENCE
from flows.runs import ends_plainly
from models.clusters.cluster import Cluster
from models.core.errors import IntegrationError
from models.core.names import NamespaceName
from models.core.settings import settings
from models.discovery.managed_harbor import Managed, Standing
from models.discovery.trust import TrustedObject
from tasks import clock
from tasks.discovery.find import look_for_harbors
from tasks.prefect.events import announce
from tasks.store.access import clusters, managed_harbors, trusted_objects
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
    take_over: Annotated[
        bool,
        shown(
            "Take over",
            "Also if somebody integrated it by hand: it is linked to that registry, of which "
            "nothing is changed, once the password in its own Secret has opened it there.",
        ),
    ] = False,
    uid: Annotated[
        str,
        Field(max_length=63),
        shown(
            "UID",
            "Of the HarborCluster, or of the core Deployment, if it is known; only that object is "
            "trusted then. Without it, the first of that name within an hour.",
        ),
    ] = "",
) -> State[None]:
    """Integrate one managed Harbor now. One that is not ready is waited for, up to a limit.

    The call is trust in this one object, whatever its namespace. It may be said twice, too early,
    or for a Harbor that is there already: nothing is done twice, and what is not ready in time is
    left to discover-managed-harbors.
    """
    home = (await stored(clusters.known, cluster)).cluster
    trusted = TrustedObject(
        cluster=cluster, namespace=namespace, name=name, uid=uid, trusted_at=clock.now()
    )
    await stored(trusted_objects.save, [trusted])
    undecided = {Standing.WAITING} | ({Standing.UNTRUSTED} if uid else set())
    attempt = partial(_attempt, home, namespace, name, adopt_again=adopt_again, take_over=take_over)
    found, unread = await _wait_for(attempt, undecided)
    await announce()
    return _ended(f"{cluster}/{namespace}/{name}", found, unread)


async def _wait_for(
    attempt: Callable[[], Awaitable[tuple[Managed | None, str]]], undecided: Collection[Standing]
) -> tuple[Managed | None, str]:
    """Attempt until the Harbor is there and ready, or time is up; return the last attempt."""
    deadline, pause = time.monotonic() + settings().managed_wait_seconds, _FIRST_PAUSE
    while True:
        harbor, unread = await attempt()
        ready = harbor is not None and harbor.standing not in undecided
        if ready or time.monotonic() + pause > deadline:
            return harbor, unread
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


async def _attempt(
    home: Cluster, namespace: str, name: str, *, adopt_again: bool, take_over: bool
) -> tuple[Managed | None, str]:
    """Look at the cluster once, and do what is to be done about this Harbor.

    Returns:
        How it stands, and why the cluster could not be read if it could not.
    """
    async with leased(f"discovery/{home.name}", patience=PATIENCE):
        trust = await stored(trust_in, home.name, clock.now())
        section = await look_for_harbors(home, trust)
        if adopt_again:
            await stored(managed_harbors.let_in, home.name, namespace, name)
        act = await discover(home, section, only=(namespace, name), take_over=take_over)
    if act.failures:
        raise IntegrationError(act.failures[0])
    known = await stored(managed_harbors.managed)
    place = home.name, namespace, name
    there = [
        one for one in known if (one.place.cluster, one.place.namespace, one.place.name) == place
    ]
    there.sort(key=lambda one: one.standing is Standing.UNTRUSTED)
    return (there[0] if there else None), act.unread


def _ended(place: str, found: Managed | None, unread: str) -> State[None]:
    if found is None and unread:
        return Failed(message=f"{place}: {unread}; discover-managed-harbors goes on")
    if found is None:
        return Failed(
            message=f"there is no managed Harbor {place}; check its name and its cluster. If it "
            "appears within the hour, discover-managed-harbors integrates it"
        )
    if found.standing is Standing.UNTRUSTED:
        return Failed(
            message=f"{place} is not the object that was named, or two objects have this name: run "
            "integrate-managed-harbor with the uid of the one that is meant"
        )
    if found.standing is Standing.ADOPTED:
        return Completed(message=f"{place} is integrated as {found.registry}")
    if found.standing is Standing.WAITING:
        said = f"{place} is not ready yet ({found.message}); discover-managed-harbors goes on"
        return Completed(message=said)
    return Failed(message=f"{place} is {found.standing}: {found.message}")
