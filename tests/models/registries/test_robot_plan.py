"""Robot accounts: begin in agreement, change one thing, compare the whole plan."""

from typing import Any

import pytest

from models.core.reasons import Reason
from models.registries.changes import GrantChange
from models.registries.robot_plan import GrantPlan, Wanted, plan_grants, wanted_by
from models.registries.robots import Grant, ObservedRobot
from tests.support.access_builders import US, edited, grant, login_of, made, revoked, robot, robots
from tests.support.builders import unseen

WANTED = {"team-a": Wanted(spaces=("a", "b"), bound=True)}
NOTHING = GrantPlan()

GRANT, ROBOT = grant(1, "a", "b"), robot(1, "a", "b")


def plan(
    *found: ObservedRobot,
    wanted: dict[str, Wanted] = WANTED,
    on_record: tuple[Grant, ...] = (GRANT,),
    edits: bool = True,
    **more: Any,
) -> GrantPlan:
    return plan_grants(wanted, robots(*found), on_record, installation=US, edits=edits, **more)


def planned(*changes: GrantChange, **more: Any) -> GrantPlan:
    return GrantPlan(changes=changes, **more)


def want(*spaces: str, bound: bool = True) -> dict[str, Wanted]:
    return {"team-a": Wanted(spaces=spaces, bound=bound)}


@pytest.mark.parametrize("edits", [True, False])
def test_agreement(edits: bool) -> None:
    assert plan(ROBOT, edits=edits) == NOTHING
    assert plan(ROBOT, edits=edits, served={"team-a"}) == NOTHING


def test_nobody_wants_anything() -> None:
    assert plan(wanted={}, on_record=()) == NOTHING


def test_bound_for_the_first_time() -> None:
    assert plan(on_record=()) == planned(made("a", "b"))


@pytest.mark.parametrize(
    ("spaces", "narrows"),
    [(("a", "b", "c"), False), (("a",), True), (("a", "c"), True), (("x",), True)],
)
def test_other_bindings_are_one_edit(spaces: tuple[str, ...], narrows: bool) -> None:
    expected = planned(edited(1, ("a", "b"), spaces))
    assert plan(ROBOT, wanted=want(*spaces)) == expected
    assert expected.changes[0].narrows is narrows


def test_other_bindings_are_another_robot_if_none_can_be_edited() -> None:
    expected = planned(made("a", number=2, before=("a", "b")))
    assert plan(ROBOT, wanted=want("a"), edits=False) == expected


@pytest.mark.parametrize("edits", [True, False])
@pytest.mark.parametrize("changed", [{}, {"exact": False}, {"expires": True}, {"disabled": True}])
def test_taking_a_space_away_is_urgent_whatever_else_is_wrong(
    changed: dict[str, bool], edits: bool
) -> None:
    (change,) = plan(ROBOT.model_copy(update=changed), wanted=want("a"), edits=edits).changes
    assert change.urgent


@pytest.mark.parametrize("edits", [True, False])
def test_giving_a_space_is_not_urgent(edits: bool) -> None:
    (change,) = plan(ROBOT, wanted=want("a", "b", "c"), edits=edits).changes
    assert not change.urgent


@pytest.mark.parametrize("edits", [True, False])
@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({}, Reason.BINDINGS_CHANGED),
        (want(bound=False), Reason.BINDINGS_CHANGED),
        (want(), Reason.SPACES_MISSING),
    ],
)
def test_a_robot_without_spaces_could_list_everything_and_goes(
    wanted: dict[str, Wanted], reason: Reason, edits: bool
) -> None:
    expected = planned(revoked(1, "a", "b", reason=reason))
    assert plan(ROBOT, wanted=wanted, edits=edits) == expected


def test_nobody_wants_it_any_more_and_its_secret_is_lost_too() -> None:
    stray = robot(9, "a", login=login_of(number=2))
    expected = planned(
        revoked(1, "a", "b"), revoked(9, "a", login=stray.login, reason=Reason.UNWANTED)
    )
    assert plan(ROBOT, stray, wanted={}) == expected


def test_gone_from_harbor() -> None:
    assert plan() == planned(made("a", "b", reason=Reason.ROBOT_MISSING), gone=(1,))


def test_gone_and_not_wanted_either() -> None:
    assert plan(wanted={}) == GrantPlan(gone=(1,))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"exact": False}, Reason.ROBOT_EDITED),
        ({"expires": True}, Reason.ROBOT_EDITED),
        ({"disabled": True}, Reason.ROBOT_DISABLED),
        ({"exact": False, "disabled": True}, Reason.ROBOT_EDITED),
    ],
)
def test_edited_by_hand(changed: dict[str, bool], reason: Reason) -> None:
    found = ROBOT.model_copy(update=changed)
    spaces = ("a", "b")
    assert plan(found) == planned(edited(1, spaces, spaces, reason=reason))
    another = made(*spaces, number=2, before=spaces, reason=reason)
    assert plan(found, edits=False) == planned(another)


def test_a_right_taken_from_it_by_hand_is_set_right_and_on_record_meanwhile() -> None:
    assert plan(robot(1, "a")) == planned(
        edited(1, ("a",), ("a", "b")), remembered=(grant(1, "a"),)
    )


def test_another_prefix_renames_it_and_changes_nothing() -> None:
    renamed = login_of(prefix="bot_")
    expected = GrantPlan(remembered=(grant(1, "a", "b", login=renamed),))
    assert plan(robot(1, "a", "b", login=renamed)) == expected


def test_the_name_is_read_under_any_prefix() -> None:
    stray = robot(9, login=login_of(prefix="bot_"))
    expected = made("a", "b", replaces=9, reason=Reason.SECRET_LOST)
    assert plan(stray, on_record=()) == planned(expected)


# What is not ours is not touched.


def test_another_installation_is_left_alone() -> None:
    theirs = robot(9, "a", installation="ffffffff", login="robot$ri-ffffffff-team-a")
    assert plan(theirs, ROBOT, wanted=WANTED) == NOTHING
    assert plan(theirs, wanted={}, on_record=()) == NOTHING


def test_the_observer_is_left_alone() -> None:
    observer = robot(7, workspace="", exact=False, login=f"robot$ri-{US}.observer")
    record = grant(7, workspace="", login=observer.login)
    assert plan(observer, ROBOT, on_record=(GRANT, record)) == NOTHING
    assert plan(observer, wanted={}, on_record=()) == NOTHING
    assert plan(ROBOT, on_record=(GRANT, record)) == GrantPlan(gone=(7,))


def test_a_secret_is_not_used_for_another_workspace() -> None:
    """Somebody gave team-b's robot account team-a's description: its secret is in team-b."""
    swapped = robot(2, "x", login=login_of("team-b"))
    on_record = (GRANT, grant(2, "x", workspace="team-b"))
    expected = planned(revoked(2, "x", login=swapped.login, reason=Reason.UNWANTED, urgent=True))
    assert plan(ROBOT, swapped, on_record=on_record) == expected


def test_a_robot_whose_secret_another_workspace_holds_is_not_taken_over() -> None:
    """It goes first, also if the safety limits refuse the rest of the plan."""
    swapped = robot(2, "x", login=login_of("team-b"))
    on_record = (grant(2, "x", workspace="team-b"),)
    expected = planned(
        revoked(2, "x", login=swapped.login, reason=Reason.UNWANTED, urgent=True),
        made("a", "b", reason=Reason.BINDINGS_CHANGED),
    )
    assert plan(swapped, on_record=on_record) == expected


@pytest.mark.parametrize("wanted", [WANTED, {}])
def test_unseen_robots_justify_nothing(wanted: dict[str, Wanted]) -> None:
    found = plan_grants(
        wanted, unseen(), (GRANT,), installation=US, edits=True, rotate=wanted, served=wanted
    )
    assert found == NOTHING


def test_each_workspace_by_itself() -> None:
    wanted = {**WANTED, "team-b": Wanted(spaces=("b",), bound=True)}
    assert plan(ROBOT, wanted=wanted) == planned(made("b", workspace="team-b"))


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        ({}, {}),
        ({"team-a": ()}, {}),
        ({"team-a": ("b", "a")}, want("a", "b")),
        ({"team-a": ("a", "gone")}, want("a")),
        ({"team-a": ("gone",)}, want()),
    ],
)
def test_wanted_is_what_is_bound_and_there(
    bound: dict[str, tuple[str, ...]], expected: dict[str, Wanted]
) -> None:
    assert wanted_by(bound, ["a", "b", "c"]) == expected
