"""Whether the service is silent: no scheduled run has ended for some time."""

from datetime import datetime
from typing import NamedTuple

from models.core.runs.schedules import ScheduledFlow
from models.overview.silent_schedules import SilentSchedule, find_silent_schedules
from tasks import clock
from tasks.prefect.api import PrefectUnavailable
from tasks.prefect.last_runs import list_last_ends


class Silence(NamedTuple):
    """What is known about the scheduled runs.

    Attributes:
        schedules: the schedules of which no run has ended for three intervals.
        prefect_error: why that is not known; empty if it is.
    """

    schedules: tuple[SilentSchedule, ...] = ()
    prefect_error: str = ""


async def find_silence(watched_since: datetime) -> Silence:
    """Return which schedules are silent.

    Args:
        watched_since: when this process started; a new installation has no runs at first.
    """
    try:
        last_ends = await list_last_ends(ScheduledFlow)
    except PrefectUnavailable as error:
        return Silence(prefect_error=str(error))
    return Silence(find_silent_schedules(last_ends, watched_since, clock.now()))
