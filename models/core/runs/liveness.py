"""Detect flow runs whose process is dead, and concurrency slots that no run holds."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from models.core.base import FrozenModel

HEARTBEAT_TIMEOUT = timedelta(seconds=120)
"""Four heartbeat intervals: a running flow without a heartbeat for this long is dead."""

START_TIMEOUT = timedelta(seconds=300)
"""How long the process of a flow run may take to start."""


class UnfinishedRun(FrozenModel):
    """A flow run that has not finished.

    Attributes:
        is_started: whether its process has started; it sends no heartbeats before.
        since: when the flow run entered its current state.
    """

    id: str
    is_started: bool
    since: datetime


def find_suspects(
    runs: tuple[UnfinishedRun, ...], watched_since: datetime, now: datetime
) -> tuple[UnfinishedRun, ...]:
    """Return the runs that are dead unless a recent heartbeat exists.

    Args:
        runs: the unfinished flow runs.
        watched_since: start of the current period without server downtime; while the server is
            down it receives no heartbeats.
        now: the current time.
    """
    if now - watched_since < HEARTBEAT_TIMEOUT:
        return ()
    return tuple(
        run
        for run in runs
        if now - run.since > (HEARTBEAT_TIMEOUT if run.is_started else START_TIMEOUT)
    )


def is_dead(last_heartbeat: datetime | None, now: datetime) -> bool:
    """Return whether a suspected run is dead, given its last heartbeat."""
    return last_heartbeat is None or now - last_heartbeat > HEARTBEAT_TIMEOUT


def find_leaked_limits(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[str, ...]:
    """Return the concurrency limits with leaked slots in two consecutive observations.

    One observation is not enough: a run that ends between its two requests makes a slot look
    leaked.

    Args:
        before: slots in use minus unfinished runs, by limit, in the previous observation.
        after: the same in the current observation.
    """
    return tuple(name for name, excess in after.items() if excess > 0 and before.get(name, 0) > 0)
