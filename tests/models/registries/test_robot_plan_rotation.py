"""Robot accounts when a run was interrupted, and when a second one takes over from the first."""

from datetime import timedelta
from typing import Any

import pytest

from models.core.reasons import Reason
from tests.models.registries.test_robot_plan import GRANT, NOTHING, ROBOT, plan, planned, want
from tests.support.access_builders import edited, grant, login_of, made, revoked, robot
from tests.support.builders import NOW

LATER = NOW + timedelta(days=90)
OLD, NEW = ROBOT, robot(2, "a", "b", login=login_of(number=2))
BOTH = (GRANT, grant(2, "a", "b", login=login_of(number=2), made_at=LATER))


# An interrupted run: the robot account is there and nobody knows its secret.


def test_a_secret_that_was_never_kept() -> None:
    expected = planned(made("a", "b", replaces=9, reason=Reason.SECRET_LOST))
    assert plan(robot(9, "a", "b"), on_record=()) == expected


def test_several_secrets_that_were_never_kept() -> None:
    second = robot(10, "a", login=login_of(number=2))
    expected = planned(
        revoked(10, "a", login=second.login, reason=Reason.UNWANTED),
        made("a", "b", replaces=9, reason=Reason.SECRET_LOST),
    )
    assert plan(second, robot(9, "a", "b"), on_record=()) == expected


def test_a_secret_of_a_rotation_that_was_never_kept() -> None:
    stray = robot(9, "a", "b", login=login_of(number=2))
    expected = planned(revoked(9, "a", "b", login=stray.login, reason=Reason.UNWANTED))
    assert plan(ROBOT, stray) == expected
    again = made("a", "b", number=3, before=("a", "b"), reason=Reason.ROTATED)
    assert plan(ROBOT, stray, rotate={"team-a"}) == planned(*expected.changes, again)


# Rotation: the second robot account, then the first goes.


@pytest.mark.parametrize("edits", [True, False])
def test_rotate(edits: bool) -> None:
    expected = made("a", "b", number=2, before=("a", "b"), reason=Reason.ROTATED)
    assert plan(ROBOT, rotate={"team-a"}, edits=edits) == planned(expected)


def test_rotate_somebody_else() -> None:
    assert plan(ROBOT, rotate={"team-b"}) == NOTHING


def test_rotating_twice_waits_for_the_first_time() -> None:
    assert plan(OLD, NEW, on_record=BOTH, rotate={"team-a"}) == NOTHING


def test_rotating_what_is_not_as_it_shall_be_does_both() -> None:
    """Somebody asked for it: it must not be forgotten because of another change."""
    expected = planned(
        edited(1, ("a", "b"), ("a",)),
        made("a", number=2, before=("a", "b"), reason=Reason.ROTATED),
    )
    assert plan(ROBOT, wanted=want("a"), rotate={"team-a"}) == expected


def test_rotating_what_cannot_be_edited_makes_one_robot_not_two() -> None:
    expected = planned(made("a", number=2, before=("a", "b")))
    assert plan(ROBOT, wanted=want("a"), rotate={"team-a"}, edits=False) == expected


@pytest.mark.parametrize("edits", [True, False])
def test_the_first_stays_until_the_second_is_everywhere(edits: bool) -> None:
    assert plan(OLD, NEW, on_record=BOTH, edits=edits) == NOTHING
    assert plan(OLD, NEW, on_record=BOTH, edits=edits, retired={1}) == NOTHING
    assert plan(OLD, NEW, on_record=BOTH, edits=edits, served={"team-a"}) == NOTHING
    expected = planned(revoked(1, "a", "b", reason=Reason.SUPERSEDED))
    found = plan(OLD, NEW, on_record=BOTH, edits=edits, served={"team-a"}, retired={1})
    assert found == expected
    assert not any(one.urgent for one in found.changes)


# A namespace left: it may have copied the secret.


@pytest.mark.parametrize("edits", [True, False])
def test_a_namespace_that_left_costs_a_new_secret_also_while_a_first_waits(edits: bool) -> None:
    (change,) = plan(ROBOT, leaving={"team-a"}, edits=edits).changes
    assert change == made("a", "b", number=2, before=("a", "b"), reason=Reason.NAMESPACE_LEFT)
    assert change.urgent
    third = made("a", "b", number=3, before=("a", "b"), reason=Reason.NAMESPACE_LEFT)
    assert plan(OLD, NEW, on_record=BOTH, leaving={"team-a"}, edits=edits) == planned(third)
    assert plan(ROBOT, leaving={"team-b"}) == NOTHING


@pytest.mark.parametrize("edits", [True, False])
def test_a_secret_that_others_may_hold_goes_once_the_new_one_is_everywhere(edits: bool) -> None:
    left: dict[str, Any] = {"on_record": BOTH, "edits": edits, "exposed": {1}}
    assert plan(OLD, NEW, **left) == NOTHING
    gone = planned(revoked(1, "a", "b", reason=Reason.NAMESPACE_LEFT, urgent=True))
    assert plan(OLD, NEW, **left, served={"team-a"}, retired={1}) == gone
    assert plan(OLD, NEW, **left, retired={1}) == NOTHING
    assert plan(OLD, NEW, **left, overdue={1}) == gone  # a cluster may be out of reach


def test_the_youngest_is_the_one_made_last() -> None:
    """A robot account that got a new secret keeps its low number."""
    on_record = (grant(1, "a", "b", made_at=LATER), grant(2, "a", "b", login=NEW.login))
    expected = planned(revoked(2, "a", "b", login=NEW.login, reason=Reason.SUPERSEDED))
    found = plan(OLD, NEW, on_record=on_record, served={"team-a"}, retired={2})
    assert found == expected


def test_both_are_narrowed_while_the_first_stays() -> None:
    expected = planned(
        edited(1, ("a", "b"), ("a",)), edited(2, ("a", "b"), ("a",), login=NEW.login)
    )
    assert plan(OLD, NEW, on_record=BOTH, wanted=want("a")) == expected


def test_who_cannot_be_narrowed_goes_at_once() -> None:
    """What was unbound is not pulled on, whoever has to wait for the new secret."""
    newest = robot(2, "a", login=NEW.login)
    on_record = (GRANT, grant(2, "a", login=NEW.login, made_at=LATER))
    expected = planned(revoked(1, "a", "b", reason=Reason.SUPERSEDED, urgent=True))
    assert plan(OLD, newest, on_record=on_record, wanted=want("a"), edits=False) == expected


def test_who_may_more_than_pull_and_cannot_be_edited_goes_at_once() -> None:
    found = OLD.model_copy(update={"exact": False})
    expected = planned(revoked(1, "a", "b", reason=Reason.SUPERSEDED, urgent=True))
    assert plan(found, NEW, on_record=BOTH, edits=False) == expected


def test_who_may_less_than_is_wanted_stays_until_the_second_is_everywhere() -> None:
    found = robot(1, "a")
    on_record = (grant(1, "a"), BOTH[1])
    assert plan(found, NEW, on_record=on_record, edits=False) == NOTHING


def test_a_third_while_the_first_waits() -> None:
    """Bound again before the second arrived anywhere; none can be edited."""
    expected = planned(made("a", "b", "c", number=3, before=("a", "b")))
    assert plan(OLD, NEW, on_record=BOTH, wanted=want("a", "b", "c"), edits=False) == expected


def test_a_free_name_is_found() -> None:
    only = robot(2, "a", "b", login=login_of(number=2))
    on_record = (grant(2, "a", "b", login=only.login),)
    expected = planned(made("a", "b", before=("a", "b"), reason=Reason.ROTATED))
    assert plan(only, on_record=on_record, rotate={"team-a"}) == expected


@pytest.mark.parametrize("edits", [True, False])
def test_a_second_whose_secret_is_refused_gets_a_third_and_the_first_stays(edits: bool) -> None:
    third = made("a", "b", number=3, before=("a", "b"), reason=Reason.SECRET_LOST)
    assert plan(OLD, NEW, on_record=BOTH, refused={"team-a"}, edits=edits) == planned(third)
