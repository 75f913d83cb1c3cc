from datetime import UTC, datetime, timedelta

import pytest

from models.core.runs.liveness import (
    START_TIMEOUT,
    UnfinishedRun,
    find_leaked_limits,
    find_suspects,
    is_dead,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)


def _ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("started", "age", "suspected"),
    [
        (True, 119, False),
        (True, 121, True),
        (False, 121, False),
        (False, START_TIMEOUT.total_seconds() + 1, True),
    ],
)
def test_a_run_is_suspected_once_it_had_time_to_send_heartbeats(
    started: bool, age: float, suspected: bool
) -> None:
    run = UnfinishedRun(id="a", is_started=started, since=_ago(age))
    assert find_suspects((run,), LONG_AGO, NOW) == ((run,) if suspected else ())


def test_nobody_is_suspected_while_the_server_has_just_come_back() -> None:
    run = UnfinishedRun(id="a", is_started=True, since=LONG_AGO)
    assert find_suspects((run,), _ago(119), NOW) == ()
    assert find_suspects((run,), _ago(120), NOW) == (run,)


@pytest.mark.parametrize(
    ("last", "dead"), [(None, True), (_ago(121), True), (_ago(119), False), (_ago(-5), False)]
)
def test_a_heartbeat_is_a_sign_of_life(last: datetime | None, dead: bool) -> None:
    assert is_dead(last, NOW) is dead


@pytest.mark.parametrize(
    ("before", "after", "leaked"),
    [
        ({}, {"a": 1}, ()),
        ({"a": 0}, {"a": 1}, ()),
        ({"a": 1}, {"a": 0}, ()),
        ({"a": 1}, {"a": -1}, ()),
        ({"a": 1}, {"a": 2}, ("a",)),
        ({"a": 1, "b": 0}, {"a": 1, "b": 3}, ("a",)),
    ],
)
def test_a_slot_is_leaked_if_two_looks_say_so(
    before: dict[str, int], after: dict[str, int], leaked: tuple[str, ...]
) -> None:
    assert find_leaked_limits(before, after) == leaked
