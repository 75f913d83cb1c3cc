"""The intervals of the scheduled flows, as `prefect.yaml` sets them; a test compares the two."""

from datetime import timedelta
from enum import StrEnum


class ScheduledFlow(StrEnum):
    """A flow that carries out what is saved and not in force yet."""

    RECONCILE_ALL = "reconcile-all"
    SYNC_NAMESPACES = "sync-namespaces"
    DISCOVER = "discover-managed-harbors"


INTERVALS = {
    ScheduledFlow.RECONCILE_ALL: timedelta(seconds=60),
    ScheduledFlow.SYNC_NAMESPACES: timedelta(seconds=20),
    ScheduledFlow.DISCOVER: timedelta(seconds=60),
}


def describe_schedule(flow: ScheduledFlow, at_least: timedelta = timedelta()) -> str:
    """Return a flow with its interval: `reconcile-all (every 60 s)`.

    Args:
        at_least: time between two observations of a registry, if it is longer than the schedule's.
    """
    return f"{flow} (every {max(INTERVALS[flow], at_least).total_seconds():g} s)"
