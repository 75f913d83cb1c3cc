"""Which unfinished flow runs are dead, and which concurrency slots nobody holds any more."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from models.core.base import FrozenModel

HEARTBEAT_TIMEOUT = timedelta(seconds=120)
"""Four heartbeats: a running flow that has sent none for so long is dead."""

START_TIMEOUT = timedelta(seconds=300)
"""How long the process of a run may take to begin."""


class UnfinishedRun(FrozenModel):
    """A flow run that some process is, or was, at work on.

    Attributes:
        is_started: whether its process has begun; before, it sends no heartbeats.
        since: when it came into its present state.
    """

    id: str
    is_started: bool
    since: datetime


def find_suspects(
    runs: tuple[UnfinishedRun, ...], watched_since: datetime, now: datetime
) -> tuple[UnfinishedRun, ...]:
    """Return the runs that are dead unless a heartbeat of theirs has arrived.

    Args:
        runs: the unfinished ones.
        watched_since: when the server began to be reachable without a break: what was not
            reachable has received no heartbeats either.
        now: the time.
    """
    if now - watched_since < HEARTBEAT_TIMEOUT:
        return ()
    return tuple(
        run
        for run in runs
        if now - run.since > (HEARTBEAT_TIMEOUT if run.is_started else START_TIMEOUT)
    )


def is_dead(last_heartbeat: datetime | None, now: datetime) -> bool:
    """Whether a suspect is dead, by the last heartbeat that arrived."""
    return last_heartbeat is None or now - last_heartbeat > HEARTBEAT_TIMEOUT


def find_leaked_limits(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[str, ...]:
    """Return the limits that have slots too many, seen in two looks one after the other.

    A run that ends between two requests of one look makes a slot look leaked; it does not do so
    twice.

    Args:
        before: slots in use less unfinished runs, by limit, in the look before.
        after: the same in this look.
    """
    return tuple(name for name, excess in after.items() if excess > 0 and before.get(name, 0) > 0)
