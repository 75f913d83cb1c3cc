"""For any state: after plan and apply, the next plan is empty, and pulls match the bindings."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.access.rotation import DEPARTURE_ROTATION_INTERVAL, current_robots
from models.registries.changes import CreateRobot, DeleteRobot, UpdateRobot
from models.registries.robot_plan import RobotPlan, RotationState, desired_robots, plan_robots
from tests.models.registries.random_robots import (
    RETENTION,
    WORKSPACES,
    Platform,
    as_plan,
    platforms,
)
from tests.support.access_builders import INSTALLATION_ID, robot_account
from tests.support.builders import unavailable

SOME_WORKSPACES = st.frozensets(st.sampled_from(WORKSPACES))


def _check_exactly_granted(platform: Platform) -> None:
    """Each workspace has one robot account as desired, with its secret on record."""
    for workspace, spaces in platform.desired_spaces.items():
        workspace_robots = [
            robot for robot in platform.robots.values() if robot.mark.workspace == workspace
        ]
        assert [robot.spaces for robot in workspace_robots] == (
            [tuple(sorted(spaces))] if spaces else []
        )
        assert not any(
            robot.disabled or robot.has_expiry or not robot.pull_only for robot in workspace_robots
        )
        accounts = {
            id: account for id, account in platform.grants.items() if account.workspace == workspace
        }
        assert {id: (account.login, account.spaces) for id, account in accounts.items()} == {
            robot.id: (robot.login, robot.spaces) for robot in workspace_robots
        }


@given(platforms(), SOME_WORKSPACES)
def test_in_the_end_exactly_what_is_bound_is_granted(
    platform: Platform, rotate: frozenset[str]
) -> None:
    other_robots = dict(platform.other_robots)
    platform.step(rotate)
    platform.step()
    platform.deliver()
    platform.step()
    assert platform.plan() == RobotPlan()
    _check_exactly_granted(platform)
    assert platform.other_robots == other_robots


@given(platforms(edits=True), SOME_WORKSPACES)
def test_one_run_is_enough_where_robots_can_be_edited(
    platform: Platform, rotate: frozenset[str]
) -> None:
    platform.step(rotate)
    assert platform.plan().changes == ()
    assert all(
        platform.pullable[workspace] <= spaces
        for workspace, spaces in platform.desired_spaces.items()
    )


@given(platforms(), SOME_WORKSPACES)
def test_after_two_runs_nothing_unbound_is_pullable_whoever_waits_for_a_delivery(
    platform: Platform, rotate: frozenset[str]
) -> None:
    platform.step(rotate)
    platform.step()
    assert all(
        platform.pullable[workspace] <= spaces
        for workspace, spaces in platform.desired_spaces.items()
    )


@given(platforms(), SOME_WORKSPACES)
def test_no_safety_limit_keeps_an_unbinding_from_taking_effect(
    platform: Platform, rotate: frozenset[str]
) -> None:
    """After any changes to robot accounts and with any credential: two runs with unsafe plans."""
    platform.step(rotate, is_unsafe=True)
    platform.step(is_unsafe=True)
    for id, robot in platform.robots.items():
        if id in platform.grants:  # a namespace may have its secret
            assert set(robot.spaces) <= platform.desired_spaces[platform.grants[id].workspace], (
                robot
            )


@given(platforms(), SOME_WORKSPACES, st.booleans(), st.booleans())
def test_what_those_who_left_copied_ends_also_with_a_cluster_out_of_reach(
    platform: Platform, workspaces: frozenset[str], delivered: bool, is_unsafe: bool
) -> None:
    """Also if the safety limits reject the plan."""
    platform.step()
    for workspace in workspaces:
        platform.leave(workspace)
    platform.step(is_unsafe=is_unsafe)
    if delivered:
        platform.deliver()
    platform.now += RETENTION
    platform.step(is_unsafe=is_unsafe)
    for workspace in workspaces:
        assert not platform.copied_accounts[workspace] & platform.robots.keys()


@given(platforms(), st.lists(st.integers(0, 20), max_size=8))
def test_namespaces_that_come_and_go_cost_a_secret_each_quarter_of_an_hour_at_most(
    platform: Platform, minutes: list[int]
) -> None:
    platform.bound["team-a"] = platform.existing_spaces
    for _ in range(2):
        platform.step()
        platform.deliver()
    creation_times = []
    for wait in minutes:
        platform.now += timedelta(minutes=wait)
        platform.leave("team-a")
        for change in platform.step().changes:
            if isinstance(change, CreateRobot) and change.workspace == "team-a":
                creation_times.append(platform.grants[platform.last_id].secret_created_at)
    assert all(b - a >= DEPARTURE_ROTATION_INTERVAL for a, b in pairwise(creation_times))
    platform.now += DEPARTURE_ROTATION_INTERVAL
    platform.step()
    platform.now += RETENTION
    platform.step()
    assert not platform.copied_accounts.get("team-a", set()) & platform.robots.keys()


@given(platforms(edits=False))
def test_what_is_unbound_later_is_not_pullable_after_two_runs_either(platform: Platform) -> None:
    """Also while superseded robot accounts are not deleted yet."""
    for workspace in WORKSPACES:
        platform.step()
        platform.bound[workspace] = platform.bound.get(workspace, ())[1:]
        platform.step()
    platform.step()
    assert all(
        platform.pullable[workspace_name] <= spaces
        for workspace_name, spaces in platform.desired_spaces.items()
    )


@given(platforms(), st.integers(0, 9), st.booleans(), st.booleans())
def test_a_run_that_is_killed_anywhere_is_finished_by_later_ones(
    platform: Platform, change_count: int, is_saved: bool, is_concluded: bool
) -> None:
    ordered = as_plan(platform.plan(frozenset(WORKSPACES)))
    changes = ordered.changes[:change_count]
    outcomes = tuple(
        platform.make(change, is_saved=is_saved or change is not changes[-1])  # type: ignore[arg-type]
        for change in changes
    )
    if is_concluded:
        platform.conclude(ordered, outcomes)
    for _ in range(2):
        platform.step()
        platform.step()
        platform.deliver()
    platform.step()
    assert platform.plan() == RobotPlan()
    _check_exactly_granted(platform)


@given(platforms(), SOME_WORKSPACES)
def test_only_ours_are_touched_narrow_first(platform: Platform, rotate: frozenset[str]) -> None:
    changes = as_plan(platform.plan(rotate)).changes
    for change in changes:
        if isinstance(change, UpdateRobot | DeleteRobot):
            assert change.robot_id in platform.robots
        if isinstance(change, CreateRobot) and change.replaces is not None:
            assert change.replaces in platform.robots
            assert platform.grants.get(
                change.replaces, robot_account()
            ).workspace != change.workspace or (change.replaces not in platform.grants)
    reductions = [item.reduces_access for item in changes]
    assert reductions == sorted(reductions, reverse=True)


@given(platforms(), SOME_WORKSPACES)
def test_no_secret_in_use_is_made_worthless(platform: Platform, rotate: frozenset[str]) -> None:
    """The robot account in use is never deleted or refreshed while there are bindings."""
    in_use = {
        account.workspace: account.robot_id
        for account in current_robots(platform.grants.values()).values()
        if account.robot_id in platform.robots
        and platform.robots[account.robot_id].mark.workspace == account.workspace
    }
    for change in platform.plan(rotate).changes:
        if platform.desired_spaces[change.workspace]:
            replaced_id = change.replaces if isinstance(change, CreateRobot) else None
            replaced_id = change.robot_id if isinstance(change, DeleteRobot) else replaced_id
            assert replaced_id is None or in_use.get(change.workspace) != replaced_id


@pytest.mark.parametrize("edits", [True, False])
@given(platforms(), SOME_WORKSPACES)
def test_unseen_changes_nothing(edits: bool, platform: Platform, rotate: frozenset[str]) -> None:
    robot_plan = plan_robots(
        desired_robots(platform.bound, platform.existing_spaces),
        unavailable(),
        platform.grants.values(),
        RotationState(requested_rotations=rotate, rolled_out=rotate),
        installation=INSTALLATION_ID,
        can_update=edits,
    )
    assert robot_plan == RobotPlan()
