"""Reconcile every registry that is due, side by side, in a few tasks."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.operations.reconcile_registry import PLAIN, reconcile
from flows.operations.sync_clusters import sync_clusters
from flows.runs import contained, ends_plainly
from models.core.availability import Unseen
from models.core.base import Value
from models.core.errors import Busy
from models.core.settings import settings
from tasks import clock
from tasks.concurrency import for_each
from tasks.prefect.events import announce
from tasks.registries.protocol import SavedCredential
from tasks.secrets.credentials import credentials_of
from tasks.store.leases import leased
from tasks.store.registries import registries
from tasks.store.session import stored
from tasks.store.state import pressing_registries

_BATCH = 50
"""Registries in one task run: a task run costs the Prefect server more than a look at one does."""


class Ending(Value):
    """How it ended with one registry.

    Attributes:
        concerns_namespaces: whether pull secrets may have to follow.
        unread: why the registry could not be read; a state of the registry, no fault of the run.
        problem: what went wrong in the run, for somebody to look at.
        remark: what else a person should know.
    """

    registry: str
    concerns_namespaces: bool = False
    unread: str = ""
    problem: str = ""
    remark: str = ""


@flow(name="reconcile-all", persist_result=False)
@ends_plainly
async def reconcile_all() -> State[None]:
    """Look at every registry that is due and set right what differs.

    One registry's failure never holds up another: a registry that is down is a state with a
    reason, and the run fails only if a change was not made or something unforeseen happened.
    """
    known = await stored(registries.dossiers)
    due_at = clock.now()
    pressing = await stored(pressing_registries)
    due = [
        one
        for one in known
        if one.due(settings().cadence, due_at, pressing=one.registry.name in pressing)
    ]
    credentials = await credentials_of(dossier.registry for dossier in due)
    places = asyncio.Semaphore(settings().registries_at_once)
    names = [one.registry.name for one in due]
    batches = [names[start : start + _BATCH] for start in range(0, len(names), _BATCH)]
    ended = await asyncio.gather(
        *(reconcile_batch(each, credentials, places, due_at) for each in batches)
    )
    endings = [ending for batch in ended for ending in batch]
    if any(ending.concerns_namespaces for ending in endings):
        await sync_clusters()
    await announce()
    return _ended(len(known), endings)


@task(name="reconcile-batch", cache_policy=NO_CACHE, persist_result=False)
async def reconcile_batch(
    names: Sequence[str],
    credentials: Mapping[str, SavedCredential],
    places: asyncio.Semaphore,
    due_at: datetime,
) -> tuple[Ending, ...]:
    """Reconcile some registries side by side; the places are shared with the other batches."""

    def one(name: str) -> Awaitable[Ending]:
        work = _reconcile_one(name, credentials, due_at)
        return contained(name, work, lambda told: Ending(registry=name, problem=told))

    return await for_each(names, one, places)


async def _reconcile_one(
    name: str, credentials: Mapping[str, SavedCredential], due_at: datetime
) -> Ending:
    try:
        async with leased(name) as holder:
            report = await reconcile(name, holder, PLAIN, credentials=credentials, due_at=due_at)
    except Busy:
        return Ending(registry=name)  # another run does it, or just did
    if isinstance(report.snapshot.spaces, Unseen):
        get_run_logger().warning(report.problem)
        return Ending(registry=name, unread=report.problem)
    concerned = report.concerns_namespaces
    return Ending(
        registry=name,
        concerns_namespaces=concerned,
        problem=report.problem,
        remark=report.remark,
    )


def _ended(known: int, endings: Sequence[Ending]) -> State[None]:
    problems = [ending.problem for ending in endings if ending.problem]
    unread = [ending.registry for ending in endings if ending.unread]
    told = f"{len(endings)} of {known} registries were due"
    if unread:
        told += f"; {len(unread)} could not be read: {', '.join(unread[:20])}"
    told += "".join(f"; {ending.remark}" for ending in endings if ending.remark)
    if problems:
        return Failed(message=f"{told}; {len(problems)} with problems: {'; '.join(problems[:5])}")
    return Completed(message=told)
