"""Robot accounts after an interrupted run, and during a rotation."""

from datetime import timedelta
from typing import Any

import pytest

from models.core.reasons import Reason
from tests.models.registries.test_robot_plan import (
    GRANT,
    NOTHING,
    ROBOT,
    desired_state,
    expected_plan,
    plan,
)
from tests.support.access_builders import (
    create_robot,
    delete_robot,
    login_of,
    robot,
    robot_account,
    update_robot,
)
from tests.support.builders import NOW

LATER = NOW + timedelta(days=90)
OLD, NEW = ROBOT, robot(2, "a", "b", login=login_of(number=2))
BOTH = (GRANT, robot_account(2, "a", "b", login=login_of(number=2), made_at=LATER))


# An interrupted run: the robot account exists, but its secret is not on record.


def test_a_secret_that_was_never_kept() -> None:
    expected = expected_plan(create_robot("a", "b", replaces=9, reason=Reason.SECRET_LOST))
    assert plan(robot(9, "a", "b"), on_record=()) == expected


@pytest.mark.parametrize("other", ["team-b", "team-a-b"])
def test_the_name_of_another_workspace_is_not_taken(other: str) -> None:
    remarked = robot(9, "a", "b", login=login_of(other))
    expected = expected_plan(
        delete_robot(9, "a", "b", login=remarked.login, reason=Reason.ORPHANED),
        create_robot("a", "b"),
    )
    assert plan(remarked, on_record=()) == expected


def test_several_secrets_that_were_never_kept() -> None:
    second = robot(10, "a", login=login_of(number=2))
    expected = expected_plan(
        delete_robot(10, "a", login=second.login, reason=Reason.ORPHANED),
        create_robot("a", "b", replaces=9, reason=Reason.SECRET_LOST),
    )
    assert plan(second, robot(9, "a", "b"), on_record=()) == expected


def test_a_secret_of_a_rotation_that_was_never_kept() -> None:
    unknown_robot = robot(9, "a", "b", login=login_of(number=2))
    expected = expected_plan(
        delete_robot(9, "a", "b", login=unknown_robot.login, reason=Reason.ORPHANED)
    )
    assert plan(ROBOT, unknown_robot) == expected
    rotation = create_robot("a", "b", number=3, before=("a", "b"), reason=Reason.ROTATED)
    assert plan(ROBOT, unknown_robot, requested_rotations={"team-a"}) == expected_plan(
        *expected.changes, rotation
    )


# Rotation: create the second robot account, then delete the first.


@pytest.mark.parametrize("edits", [True, False])
def test_rotate(edits: bool) -> None:
    expected = create_robot("a", "b", number=2, before=("a", "b"), reason=Reason.ROTATED)
    assert plan(ROBOT, requested_rotations={"team-a"}, edits=edits) == expected_plan(expected)


def test_rotate_somebody_else() -> None:
    assert plan(ROBOT, requested_rotations={"team-b"}) == NOTHING


def test_rotating_twice_waits_for_the_first_time() -> None:
    assert plan(OLD, NEW, on_record=BOTH, requested_rotations={"team-a"}) == NOTHING


def test_rotating_what_is_not_as_it_shall_be_does_both() -> None:
    """A requested rotation must not be lost because of another change."""
    expected = expected_plan(
        update_robot(1, ("a", "b"), ("a",)),
        create_robot("a", number=2, before=("a", "b"), reason=Reason.ROTATED),
    )
    assert plan(ROBOT, desired=desired_state("a"), requested_rotations={"team-a"}) == expected


def test_rotating_what_cannot_be_edited_makes_one_robot_not_two() -> None:
    expected = expected_plan(create_robot("a", number=2, before=("a", "b")))
    assert (
        plan(ROBOT, desired=desired_state("a"), requested_rotations={"team-a"}, edits=False)
        == expected
    )


@pytest.mark.parametrize("edits", [True, False])
def test_the_first_stays_until_the_second_is_everywhere(edits: bool) -> None:
    assert plan(OLD, NEW, on_record=BOTH, edits=edits) == NOTHING
    assert plan(OLD, NEW, on_record=BOTH, edits=edits, expired_robot_ids={1}) == NOTHING
    assert plan(OLD, NEW, on_record=BOTH, edits=edits, rolled_out={"team-a"}) == NOTHING
    expected = expected_plan(delete_robot(1, "a", "b", reason=Reason.SUPERSEDED))
    robot_plan = plan(
        OLD, NEW, on_record=BOTH, edits=edits, rolled_out={"team-a"}, expired_robot_ids={1}
    )
    assert robot_plan == expected
    assert not any(change.is_urgent for change in robot_plan.changes)


# A namespace left: it may have copied the secret.


@pytest.mark.parametrize("edits", [True, False])
def test_a_namespace_that_left_costs_a_new_secret_also_while_a_first_waits(edits: bool) -> None:
    (change,) = plan(ROBOT, departure_rotations={"team-a"}, edits=edits).changes
    assert change == create_robot(
        "a", "b", number=2, before=("a", "b"), reason=Reason.NAMESPACE_LEFT
    )
    assert change.is_urgent
    third = create_robot("a", "b", number=3, before=("a", "b"), reason=Reason.NAMESPACE_LEFT)
    assert plan(
        OLD, NEW, on_record=BOTH, departure_rotations={"team-a"}, edits=edits
    ) == expected_plan(third)
    assert plan(ROBOT, departure_rotations={"team-b"}) == NOTHING


@pytest.mark.parametrize("edits", [True, False])
def test_a_secret_that_others_may_hold_goes_once_the_new_one_is_everywhere(edits: bool) -> None:
    arguments: dict[str, Any] = {"on_record": BOTH, "edits": edits, "exposed_robot_ids": {1}}
    assert plan(OLD, NEW, **arguments) == NOTHING
    deletion_plan = expected_plan(
        delete_robot(1, "a", "b", reason=Reason.NAMESPACE_LEFT, urgent=True)
    )
    assert (
        plan(OLD, NEW, **arguments, rolled_out={"team-a"}, expired_robot_ids={1}) == deletion_plan
    )
    assert plan(OLD, NEW, **arguments, expired_robot_ids={1}) == NOTHING
    assert (
        plan(OLD, NEW, **arguments, overdue_robot_ids={1}) == deletion_plan
    )  # a cluster may be unreachable


def test_the_youngest_is_the_one_made_last() -> None:
    """A robot account with a refreshed secret keeps its low number."""
    on_record = (
        robot_account(1, "a", "b", made_at=LATER),
        robot_account(2, "a", "b", login=NEW.login),
    )
    expected = expected_plan(delete_robot(2, "a", "b", login=NEW.login, reason=Reason.SUPERSEDED))
    robot_plan = plan(OLD, NEW, on_record=on_record, rolled_out={"team-a"}, expired_robot_ids={2})
    assert robot_plan == expected


def test_both_are_narrowed_while_the_first_stays() -> None:
    expected = expected_plan(
        update_robot(1, ("a", "b"), ("a",)), update_robot(2, ("a", "b"), ("a",), login=NEW.login)
    )
    assert plan(OLD, NEW, on_record=BOTH, desired=desired_state("a")) == expected


def test_who_cannot_be_narrowed_goes_at_once() -> None:
    """Ending access to unbound spaces does not wait for the roll-out of the new secret."""
    newest = robot(2, "a", login=NEW.login)
    on_record = (GRANT, robot_account(2, "a", login=NEW.login, made_at=LATER))
    expected = expected_plan(delete_robot(1, "a", "b", reason=Reason.SUPERSEDED, urgent=True))
    assert (
        plan(OLD, newest, on_record=on_record, desired=desired_state("a"), edits=False) == expected
    )


def test_who_may_more_than_pull_and_cannot_be_edited_goes_at_once() -> None:
    edited_robot = OLD.model_copy(update={"pull_only": False})
    expected = expected_plan(delete_robot(1, "a", "b", reason=Reason.SUPERSEDED, urgent=True))
    assert plan(edited_robot, NEW, on_record=BOTH, edits=False) == expected


def test_who_may_less_than_is_wanted_stays_until_the_second_is_everywhere() -> None:
    narrow_robot = robot(1, "a")
    on_record = (robot_account(1, "a"), BOTH[1])
    assert plan(narrow_robot, NEW, on_record=on_record, edits=False) == NOTHING


def test_a_third_while_the_first_waits() -> None:
    """The space is bound again before the roll-out; robot accounts cannot be updated."""
    expected = expected_plan(create_robot("a", "b", "c", number=3, before=("a", "b")))
    assert (
        plan(OLD, NEW, on_record=BOTH, desired=desired_state("a", "b", "c"), edits=False)
        == expected
    )


def test_a_free_name_is_found() -> None:
    only = robot(2, "a", "b", login=login_of(number=2))
    on_record = (robot_account(2, "a", "b", login=only.login),)
    expected = expected_plan(create_robot("a", "b", before=("a", "b"), reason=Reason.ROTATED))
    assert plan(only, on_record=on_record, requested_rotations={"team-a"}) == expected


@pytest.mark.parametrize("edits", [True, False])
def test_a_second_whose_secret_is_refused_gets_a_third_and_the_first_stays(edits: bool) -> None:
    third = create_robot("a", "b", number=3, before=("a", "b"), reason=Reason.SECRET_LOST)
    assert plan(OLD, NEW, on_record=BOTH, rejected={"team-a"}, edits=edits) == expected_plan(third)


@pytest.mark.parametrize("edits", [True, False])
@pytest.mark.parametrize("accepted", [True, False])
def test_a_third_whose_secret_is_refused_gets_another_secret_after_some_time(
    edits: bool, accepted: bool
) -> None:
    third = robot(3, "a", "b", login=login_of(number=3), accepted=accepted)
    made_at = LATER + timedelta(minutes=1)
    on_record = (*BOTH, robot_account(3, "a", "b", login=third.login, made_at=made_at))
    rotation: dict[str, Any] = {"rejected": {"team-a"}} if accepted else {}
    other_secret = create_robot(
        "a", "b", number=3, before=("a", "b"), replaces=3, reason=Reason.SECRET_LOST
    )
    refused = {"refused_workspaces": ("team-a",)}
    assert plan(OLD, NEW, third, on_record=on_record, edits=edits, **rotation) == expected_plan(
        other_secret, **refused
    )
    # Not in each run: a Harbor that refuses every secret would create and refuse them for ever.
    rotation["recent_robot_ids"] = {3}
    assert plan(OLD, NEW, third, on_record=on_record, edits=edits, **rotation) == expected_plan(
        **refused
    )


# Somebody refreshed the secret in Harbor.


@pytest.mark.parametrize("can_update", [True, False])
def test_a_refused_secret_is_replaced(can_update: bool) -> None:
    refused = robot(1, "a", "b", accepted=False)
    rotation = create_robot("a", "b", number=2, before=("a", "b"), reason=Reason.SECRET_LOST)
    assert plan(refused, edits=can_update) == expected_plan(rotation)


@pytest.mark.parametrize("accepted", [True, None])
def test_a_secret_that_is_not_refused_stays(accepted: bool | None) -> None:
    assert plan(robot(1, "a", "b", accepted=accepted)) == expected_plan()
