"""The plan for robot accounts: start without differences and change one thing."""

from typing import Any

import pytest

from models.core.reasons import Reason
from models.registries.changes import RobotChange
from models.registries.robot_plan import (
    DesiredRobot,
    RobotPlan,
    RotationState,
    desired_robots,
    plan_robots,
)
from models.registries.robots import ObservedRobot, RobotAccount
from tests.support.access_builders import (
    INSTALLATION_ID,
    create_robot,
    delete_robot,
    login_of,
    robot,
    robot_account,
    robots,
    update_robot,
)
from tests.support.builders import unavailable

DESIRED = {"team-a": DesiredRobot(spaces=("a", "b"), has_bindings=True)}
NOTHING = RobotPlan()

GRANT, ROBOT = robot_account(1, "a", "b"), robot(1, "a", "b")


def plan(
    *observed_robots: ObservedRobot,
    desired: dict[str, DesiredRobot] = DESIRED,
    on_record: tuple[RobotAccount, ...] = (GRANT,),
    edits: bool = True,
    **rotation: Any,
) -> RobotPlan:
    return plan_robots(
        desired,
        robots(*observed_robots),
        on_record,
        RotationState(**rotation),
        installation=INSTALLATION_ID,
        can_update=edits,
    )


def expected_plan(*changes: RobotChange, **overrides: Any) -> RobotPlan:
    return RobotPlan(changes=changes, **overrides)


def desired_state(*spaces: str, bound: bool = True) -> dict[str, DesiredRobot]:
    return {"team-a": DesiredRobot(spaces=spaces, has_bindings=bound)}


@pytest.mark.parametrize("edits", [True, False])
def test_agreement(edits: bool) -> None:
    assert plan(ROBOT, edits=edits) == NOTHING
    assert plan(ROBOT, edits=edits, rolled_out={"team-a"}) == NOTHING


def test_nobody_wants_anything() -> None:
    assert plan(desired={}, on_record=()) == NOTHING


def test_bound_for_the_first_time() -> None:
    assert plan(on_record=()) == expected_plan(create_robot("a", "b"))


@pytest.mark.parametrize(
    ("spaces", "narrows"),
    [(("a", "b", "c"), False), (("a",), True), (("a", "c"), True), (("x",), True)],
)
def test_other_bindings_are_one_edit(spaces: tuple[str, ...], narrows: bool) -> None:
    expected = expected_plan(update_robot(1, ("a", "b"), spaces))
    assert plan(ROBOT, desired=desired_state(*spaces)) == expected
    assert expected.changes[0].reduces_access is narrows


def test_other_bindings_are_another_robot_if_none_can_be_edited() -> None:
    expected = expected_plan(create_robot("a", number=2, before=("a", "b")))
    assert plan(ROBOT, desired=desired_state("a"), edits=False) == expected


@pytest.mark.parametrize("edits", [True, False])
@pytest.mark.parametrize(
    "changed", [{}, {"pull_only": False}, {"has_expiry": True}, {"disabled": True}]
)
def test_taking_a_space_away_is_urgent_whatever_else_is_wrong(
    changed: dict[str, bool], edits: bool
) -> None:
    (change,) = plan(
        ROBOT.model_copy(update=changed), desired=desired_state("a"), edits=edits
    ).changes
    assert change.is_urgent


@pytest.mark.parametrize("edits", [True, False])
def test_giving_a_space_is_not_urgent(edits: bool) -> None:
    (change,) = plan(ROBOT, desired=desired_state("a", "b", "c"), edits=edits).changes
    assert not change.is_urgent


@pytest.mark.parametrize("edits", [True, False])
@pytest.mark.parametrize(
    ("desired", "reason"),
    [
        ({}, Reason.BINDINGS_CHANGED),
        (desired_state(bound=False), Reason.BINDINGS_CHANGED),
        (desired_state(), Reason.SPACES_MISSING),
    ],
)
def test_a_robot_without_spaces_could_list_everything_and_goes(
    desired: dict[str, DesiredRobot], reason: Reason, edits: bool
) -> None:
    expected = expected_plan(delete_robot(1, "a", "b", reason=reason))
    assert plan(ROBOT, desired=desired, edits=edits) == expected


def test_nobody_wants_it_any_more_and_its_secret_is_lost_too() -> None:
    unknown_robot = robot(9, "a", login=login_of(number=2))
    expected = expected_plan(
        delete_robot(1, "a", "b"),
        delete_robot(9, "a", login=unknown_robot.login, reason=Reason.ORPHANED),
    )
    assert plan(ROBOT, unknown_robot, desired={}) == expected


def test_gone_from_harbor() -> None:
    assert plan() == expected_plan(
        create_robot("a", "b", reason=Reason.ROBOT_MISSING), deleted_robot_ids=(1,)
    )


def test_gone_and_not_wanted_either() -> None:
    assert plan(desired={}) == RobotPlan(deleted_robot_ids=(1,))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"pull_only": False}, Reason.ROBOT_EDITED),
        ({"has_expiry": True}, Reason.ROBOT_EDITED),
        ({"disabled": True}, Reason.ROBOT_DISABLED),
        ({"pull_only": False, "disabled": True}, Reason.ROBOT_EDITED),
    ],
)
def test_edited_by_hand(changed: dict[str, bool], reason: Reason) -> None:
    edited_robot = ROBOT.model_copy(update=changed)
    spaces = ("a", "b")
    assert plan(edited_robot) == expected_plan(update_robot(1, spaces, spaces, reason=reason))
    replacement = create_robot(*spaces, number=2, before=spaces, reason=reason)
    assert plan(edited_robot, edits=False) == expected_plan(replacement)


def test_a_right_taken_from_it_by_hand_is_set_right_and_on_record_meanwhile() -> None:
    assert plan(robot(1, "a")) == expected_plan(
        update_robot(1, ("a",), ("a", "b")), updated_robots=(robot_account(1, "a"),)
    )


def test_another_prefix_renames_it_and_changes_nothing() -> None:
    renamed = login_of(prefix="bot_")
    expected = RobotPlan(updated_robots=(robot_account(1, "a", "b", login=renamed),))
    assert plan(robot(1, "a", "b", login=renamed)) == expected


def test_the_name_is_read_under_any_prefix() -> None:
    unknown_robot = robot(9, login=login_of(prefix="bot_"))
    expected = create_robot("a", "b", replaces=9, reason=Reason.SECRET_LOST)
    assert plan(unknown_robot, on_record=()) == expected_plan(expected)


# Foreign robot accounts are not changed.


def test_another_installation_is_left_alone() -> None:
    other_robot = robot(9, "a", installation="ffffffff", login="robot$ri-ffffffff-team-a")
    assert plan(other_robot, ROBOT, desired=DESIRED) == NOTHING
    assert plan(other_robot, desired={}, on_record=()) == NOTHING


def test_the_observer_is_left_alone() -> None:
    observer = robot(7, workspace="", exact=False, login=f"robot$ri-{INSTALLATION_ID}.observer")
    record = robot_account(7, workspace="", login=observer.login)
    assert plan(observer, ROBOT, on_record=(GRANT, record)) == NOTHING
    assert plan(observer, desired={}, on_record=()) == NOTHING
    assert plan(ROBOT, on_record=(GRANT, record)) == RobotPlan(deleted_robot_ids=(7,))


def test_a_secret_is_not_used_for_another_workspace() -> None:
    """The description of team-b's robot account contains team-a, but team-b has its secret."""
    swapped_robot = robot(2, "x", login=login_of("team-b"))
    on_record = (GRANT, robot_account(2, "x", workspace="team-b"))
    expected = expected_plan(
        delete_robot(2, "x", login=swapped_robot.login, reason=Reason.ORPHANED, urgent=True)
    )
    assert plan(ROBOT, swapped_robot, on_record=on_record) == expected


def test_a_robot_whose_secret_another_workspace_holds_is_not_taken_over() -> None:
    """It is deleted first, also if the rest of the plan exceeds the safety limits."""
    swapped_robot = robot(2, "x", login=login_of("team-b"))
    on_record = (robot_account(2, "x", workspace="team-b"),)
    expected = expected_plan(
        delete_robot(2, "x", login=swapped_robot.login, reason=Reason.ORPHANED, urgent=True),
        create_robot("a", "b", reason=Reason.BINDINGS_CHANGED),
    )
    assert plan(swapped_robot, on_record=on_record) == expected


@pytest.mark.parametrize("desired", [DESIRED, {}])
def test_unseen_robots_justify_nothing(desired: dict[str, DesiredRobot]) -> None:
    robot_plan = plan_robots(
        desired,
        unavailable(),
        (GRANT,),
        RotationState(requested_rotations=frozenset(desired), rolled_out=frozenset(desired)),
        installation=INSTALLATION_ID,
        can_update=True,
    )
    assert robot_plan == NOTHING


def test_each_workspace_by_itself() -> None:
    desired = {**DESIRED, "team-b": DesiredRobot(spaces=("b",), has_bindings=True)}
    assert plan(ROBOT, desired=desired) == expected_plan(create_robot("b", workspace="team-b"))


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        ({}, {}),
        ({"team-a": ()}, {}),
        ({"team-a": ("b", "a")}, desired_state("a", "b")),
        ({"team-a": ("a", "gone")}, desired_state("a")),
        ({"team-a": ("gone",)}, desired_state()),
    ],
)
def test_wanted_is_what_is_bound_and_there(
    bound: dict[str, tuple[str, ...]], expected: dict[str, DesiredRobot]
) -> None:
    assert desired_robots(bound, ["a", "b", "c"]) == expected
