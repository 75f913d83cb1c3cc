"""For any world: plan, apply, plan again is empty, and exactly what is bound can be pulled."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.access.rotation import DEPARTURE_INTERVAL, youngest
from models.registries.changes import EditGrant, MakeGrant, RevokeGrant
from models.registries.robot_plan import GrantPlan, plan_grants, wanted_by
from tests.models.registries.random_robots import RETENTION, WORKSPACES, World, as_plan, worlds
from tests.support.access_builders import US, grant
from tests.support.builders import unseen

SOME_WORKSPACES = st.frozensets(st.sampled_from(WORKSPACES))


def _check_exactly_granted(world: World) -> None:
    """Each workspace has one robot account, as it shall be, whose secret is on record."""
    for workspace, spaces in world.wanted.items():
        ours = [one for one in world.robots.values() if one.mark.workspace == workspace]
        assert [one.spaces for one in ours] == ([tuple(sorted(spaces))] if spaces else [])
        assert not any(one.disabled or one.expires or not one.exact for one in ours)
        on_record = {id: one for id, one in world.grants.items() if one.workspace == workspace}
        assert {id: (one.login, one.spaces) for id, one in on_record.items()} == {
            one.id: (one.login, one.spaces) for one in ours
        }


@given(worlds(), SOME_WORKSPACES)
def test_in_the_end_exactly_what_is_bound_is_granted(world: World, rotate: frozenset[str]) -> None:
    others = dict(world.others)
    world.step(rotate)
    world.step()
    world.deliver()
    world.step()
    assert world.plan() == GrantPlan()
    _check_exactly_granted(world)
    assert world.others == others


@given(worlds(edits=True), SOME_WORKSPACES)
def test_one_run_is_enough_where_robots_can_be_edited(world: World, rotate: frozenset[str]) -> None:
    world.step(rotate)
    assert world.plan().changes == ()
    assert all(world.pullable[one] <= spaces for one, spaces in world.wanted.items())


@given(worlds(), SOME_WORKSPACES)
def test_after_two_runs_nothing_unbound_is_pullable_whoever_waits_for_a_delivery(
    world: World, rotate: frozenset[str]
) -> None:
    world.step(rotate)
    world.step()
    assert all(world.pullable[one] <= spaces for one, spaces in world.wanted.items())


@given(worlds(), SOME_WORKSPACES)
def test_no_safety_limit_keeps_an_unbinding_from_taking_effect(
    world: World, rotate: frozenset[str]
) -> None:
    """Whatever else was done to robot accounts, and whoever we are: two runs, both refused."""
    world.step(rotate, refused=True)
    world.step(refused=True)
    for id, robot in world.robots.items():
        if id in world.grants:  # somebody may hold its secret
            assert set(robot.spaces) <= world.wanted[world.grants[id].workspace], robot


@given(worlds(), SOME_WORKSPACES, st.booleans(), st.booleans())
def test_what_those_who_left_copied_ends_also_with_a_cluster_out_of_reach(
    world: World, left: frozenset[str], delivered: bool, refused: bool
) -> None:
    """Also if safety limits refuse all that they may refuse."""
    world.step()
    for workspace in left:
        world.leave(workspace)
    world.step(refused=refused)
    if delivered:
        world.deliver()
    world.now += RETENTION
    world.step(refused=refused)
    for workspace in left:
        assert not world.copied[workspace] & world.robots.keys()


@given(worlds(), st.lists(st.integers(0, 20), max_size=8))
def test_namespaces_that_come_and_go_cost_a_secret_each_quarter_of_an_hour_at_most(
    world: World, minutes: list[int]
) -> None:
    world.bound["team-a"] = world.there
    for _ in range(2):
        world.step()
        world.deliver()
    made = []
    for wait in minutes:
        world.now += timedelta(minutes=wait)
        world.leave("team-a")
        for change in world.step().changes:
            if isinstance(change, MakeGrant) and change.workspace == "team-a":
                made.append(world.grants[world.last_id].made_at)
    assert all(b - a >= DEPARTURE_INTERVAL for a, b in pairwise(made))
    world.now += DEPARTURE_INTERVAL
    world.step()
    world.now += RETENTION
    world.step()
    assert not world.copied.get("team-a", set()) & world.robots.keys()


@given(worlds(edits=False))
def test_what_is_unbound_later_is_not_pullable_after_two_runs_either(world: World) -> None:
    """Also while robots of earlier changes still wait to be retired."""
    for workspace in WORKSPACES:
        world.step()
        world.bound[workspace] = world.bound.get(workspace, ())[1:]
        world.step()
    world.step()
    assert all(world.pullable[one] <= spaces for one, spaces in world.wanted.items())


@given(worlds(), st.integers(0, 9), st.booleans(), st.booleans())
def test_a_run_that_is_killed_anywhere_is_finished_by_later_ones(
    world: World, done: int, kept: bool, concluded: bool
) -> None:
    ordered = as_plan(world.plan(frozenset(WORKSPACES)))
    changes = ordered.changes[:done]
    outcomes = tuple(
        world.make(change, kept=kept or change is not changes[-1])  # type: ignore[arg-type]
        for change in changes
    )
    if concluded:
        world.conclude(ordered, outcomes)
    for _ in range(2):
        world.step()
        world.step()
        world.deliver()
    world.step()
    assert world.plan() == GrantPlan()
    _check_exactly_granted(world)


@given(worlds(), SOME_WORKSPACES)
def test_only_ours_are_touched_narrow_first(world: World, rotate: frozenset[str]) -> None:
    changes = as_plan(world.plan(rotate)).changes
    for change in changes:
        if isinstance(change, EditGrant | RevokeGrant):
            assert change.robot_id in world.robots
        if isinstance(change, MakeGrant) and change.replaces is not None:
            assert change.replaces in world.robots
            assert world.grants.get(change.replaces, grant()).workspace != change.workspace or (
                change.replaces not in world.grants
            )
    narrows = [one.narrows for one in changes]
    assert narrows == sorted(narrows, reverse=True)


@given(worlds(), SOME_WORKSPACES)
def test_no_secret_in_use_is_made_worthless(world: World, rotate: frozenset[str]) -> None:
    """The robot account in use is never revoked or given a new secret, unless nothing is bound."""
    in_use = {
        one.workspace: one.robot_id
        for one in youngest(world.grants.values()).values()
        if one.robot_id in world.robots
        and world.robots[one.robot_id].mark.workspace == one.workspace
    }
    for change in world.plan(rotate).changes:
        if world.wanted[change.workspace]:
            lost = change.replaces if isinstance(change, MakeGrant) else None
            lost = change.robot_id if isinstance(change, RevokeGrant) else lost
            assert lost is None or in_use.get(change.workspace) != lost


@pytest.mark.parametrize("edits", [True, False])
@given(worlds(), SOME_WORKSPACES)
def test_unseen_changes_nothing(edits: bool, world: World, rotate: frozenset[str]) -> None:
    found = plan_grants(
        wanted_by(world.bound, world.there),
        unseen(),
        world.grants.values(),
        installation=US,
        edits=edits,
        rotate=rotate,
        served=rotate,
    )
    assert found == GrantPlan()
