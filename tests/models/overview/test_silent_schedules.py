"""When a schedule is silent."""

from datetime import timedelta

import pytest

from models.core.runs.schedules import INTERVALS, ScheduledFlow
from models.overview.silent_schedules import find_silent_schedules
from tests.support.builders import NOW

ALL = tuple(ScheduledFlow)
SECOND = timedelta(seconds=1)
LIMIT = 3 * INTERVALS[ScheduledFlow.RECONCILE_ALL]


@pytest.mark.parametrize(
    ("ages", "watched", "expected"),
    [
        (dict.fromkeys(ALL, timedelta(0)), timedelta(days=1), ()),
        (dict.fromkeys(ALL, LIMIT), timedelta(days=1), ()),
        (dict.fromkeys(ALL, LIMIT + SECOND), timedelta(0), ALL),
        ({}, LIMIT, ()),
        ({}, LIMIT + SECOND, ALL),
        ({ALL[0]: SECOND}, timedelta(days=1), ALL[1:]),
        ({ALL[0]: LIMIT + SECOND, ALL[1]: SECOND, ALL[2]: SECOND}, timedelta(days=1), ALL[:1]),
        (dict.fromkeys(ALL, -SECOND), timedelta(0), ()),
    ],
)
def test_a_schedule_is_silent_after_three_intervals(
    ages: dict[ScheduledFlow, timedelta], watched: timedelta, expected: tuple[ScheduledFlow, ...]
) -> None:
    last_ends = {str(flow): NOW - age for flow, age in ages.items()}
    silent = find_silent_schedules(last_ends, NOW - watched, NOW)
    assert tuple(item.flow for item in silent) == expected
    assert all(item.has_run == (item.flow in ages) for item in silent)
    assert all(item.since == last_ends.get(item.flow, NOW - watched) for item in silent)
