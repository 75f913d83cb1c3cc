"""Find silent schedules: an unchanged world and a dead service look the same otherwise."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from models.core.base import FrozenModel
from models.core.runs.schedules import INTERVALS, ScheduledFlow

MAX_MISSED = 3
"""Intervals without a run that ended after which a schedule is silent."""

MIN_SILENCE = timedelta(minutes=3)
"""A run of a frequent schedule that waits for a slow cluster is not silent."""


class SilentSchedule(FrozenModel):
    """A scheduled flow of which no run has ended for some time.

    Attributes:
        since: when the last run ended (UTC), or since when runs were expected.
        has_run: whether a run has ever ended.
    """

    flow: ScheduledFlow
    since: datetime
    has_run: bool

    @property
    def interval_seconds(self) -> int:
        """The interval of the schedule."""
        return int(INTERVALS[self.flow].total_seconds())


def find_silent_schedules(
    last_ends: Mapping[str, datetime], watched_since: datetime, now: datetime
) -> tuple[SilentSchedule, ...]:
    """Return the scheduled flows of which no run has ended for three intervals.

    Args:
        last_ends: when the last run of each flow ended (UTC); without an entry, none has.
        watched_since: start of the observation; a new installation has no runs at first.
        now: the current time.
    """
    return tuple(
        SilentSchedule(flow=flow, since=since, has_run=flow in last_ends)
        for flow, interval in INTERVALS.items()
        if now - (since := last_ends.get(flow, watched_since)) > _max_silence(interval)
    )


def is_observation_outdated(
    flow: ScheduledFlow, observed_at: datetime | None, now: datetime
) -> bool:
    """Return whether the scheduled flow should have observed something again by now."""
    return observed_at is not None and now - observed_at > _max_silence(INTERVALS[flow])


def _max_silence(interval: timedelta) -> timedelta:
    return max(MAX_MISSED * interval, MIN_SILENCE)
