"""For any world: plan, apply, plan again is empty, and exactly what is bound can be pulled."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.access import Grant, Mark, ObservedRobot, robot_name
from models.change import EditGrant, GrantChange, MakeGrant, Outcome, RevokeGrant
from models.conclusion import conclude
from models.granting import GrantPlan, plan_grants, wanted_by
from models.plan import Plan
from models.reason import Reason
from models.rotation import youngest
from tests.access_builders import US, grant, robots
from tests.builders import NOW, dossier, seen, snapshot, unseen

WORKSPACES = ("team-a", "team-b", "team-c")
SPACES = ("p", "q", "r", "s")
SOME_SPACES = st.sets(st.sampled_from(SPACES)).map(lambda names: tuple(sorted(names)))
OTHERS = ("ffffffff", US)
"""Of another installation, and our own observer's: neither is a workspace's."""


@dataclass
class World:
    """A Harbor, what is on record of it, and which robot each workspace's namespaces hold."""

    bound: dict[str, tuple[str, ...]]
    there: tuple[str, ...]
    robots: dict[int, ObservedRobot]
    others: dict[int, ObservedRobot]
    grants: dict[int, Grant]
    edits: bool
    now: datetime = NOW
    last_id: int = 1000
    held: dict[str, int] = field(default_factory=dict)

    @property
    def wanted(self) -> dict[str, set[str]]:
        return {one: set(self.there) & set(self.bound.get(one, ())) for one in WORKSPACES}

    @property
    def pullable(self) -> dict[str, set[str]]:
        """What each workspace's robots may pull, whoever holds their secrets."""
        return {
            one: {
                space
                for robot in self.robots.values()
                if robot.mark.workspace == one
                for space in (*robot.spaces, *([] if robot.exact else ["more"]))
            }
            for one in WORKSPACES
        }

    def plan(self, rotate: frozenset[str] = frozenset()) -> GrantPlan:
        in_use = {one.workspace: one.robot_id for one in youngest(self.grants.values()).values()}
        return plan_grants(
            wanted_by(self.bound, [seen(name) for name in self.there]),
            robots(*self.others.values(), *self.robots.values()),
            self.grants.values(),
            installation=US,
            edits=self.edits,
            rotate=rotate,
            served={one for one, id in in_use.items() if self.held.get(one) == id},
        )

    def deliver(self) -> None:
        self.held = {one.workspace: one.robot_id for one in youngest(self.grants.values()).values()}

    def step(self, rotate: frozenset[str] = frozenset()) -> GrantPlan:
        """One run that nothing interrupts."""
        plan = self.plan(rotate)
        ordered = _as_plan(plan)
        outcomes = tuple(self.make(change) for change in ordered.changes)  # type: ignore[arg-type]
        self.conclude(ordered, outcomes)
        return plan

    def make(self, change: GrantChange, *, kept: bool = True) -> Outcome:
        self.now += timedelta(minutes=1)
        if isinstance(change, RevokeGrant):
            del self.robots[change.robot_id]
        elif isinstance(change, EditGrant):
            assert self.edits, "a robot account cannot edit another"
            self._put(change.robot_id, change.login, change.workspace, change.after)
        else:
            self._make(change, kept=kept)
        return Outcome(change=change, done=True, reason=Reason.DONE)

    def _make(self, change: MakeGrant, *, kept: bool) -> None:
        assert change.after, "a robot account without spaces can list every project"
        same = [one.id for one in self.robots.values() if one.name == change.name]
        assert same == ([change.replaces] if change.replaces else [])
        self.last_id += 1  # from a sequence: none comes twice
        id = self.last_id
        if change.replaces:
            if self.edits:
                id = change.replaces
            else:
                del self.robots[change.replaces]
        self._put(id, f"robot${change.name}", change.workspace, change.after)
        if kept:
            self.grants[id] = Grant(
                registry="prod",
                workspace=change.workspace,
                robot_id=id,
                login=f"robot${change.name}",
                spaces=change.after,
                made_at=self.now,
            )

    def _put(self, id: int, login: str, workspace: str, spaces: tuple[str, ...]) -> None:
        assert set(spaces) <= set(self.there), "Harbor knows no such project"
        mark = Mark(installation=US, workspace=workspace)
        self.robots[id] = ObservedRobot(id=id, login=login, mark=mark, spaces=spaces)

    def conclude(self, plan: Plan, outcomes: tuple[Outcome, ...]) -> None:
        told = conclude(
            dossier(), [], snapshot(), plan, outcomes, grants=tuple(self.grants.values())
        )
        for one in told.grants:
            if one.robot_id in self.grants:
                update = {"login": one.login, "spaces": one.spaces}
                self.grants[one.robot_id] = self.grants[one.robot_id].model_copy(update=update)
        for id in told.revoked:
            self.grants.pop(id, None)


def _as_plan(plan: GrantPlan) -> Plan:
    return Plan(registry="prod", made_at=NOW).with_grants(plan, 0)


@st.composite
def worlds(draw: st.DrawFn, *, edits: bool | None = None) -> World:
    found = World(
        bound={one: draw(SOME_SPACES) for one in draw(st.sets(st.sampled_from(WORKSPACES)))},
        there=draw(SOME_SPACES),
        robots={},
        others={},
        grants={},
        edits=draw(st.booleans()) if edits is None else edits,
    )
    for workspace in WORKSPACES:
        for number in draw(st.sets(st.integers(1, 4), max_size=3)):
            id = draw(st.integers(1, 99).filter(lambda id: id not in found.robots))
            robot = draw(_robots(id, workspace, number, found.there))
            found.robots[id] = robot
            if draw(st.booleans()):
                found.grants[id] = draw(_grants(robot))
    for installation, workspace, id in zip(OTHERS, ("team-a", ""), (201, 202), strict=True):
        mark = Mark(installation=installation, workspace=workspace)
        found.others[id] = ObservedRobot(id=id, login=f"robot${id}", mark=mark, exact=False)
    if draw(st.booleans()):
        found.grants[150] = grant(150, workspace=draw(st.sampled_from(WORKSPACES)))  # it is gone
    if draw(st.booleans()):
        found.deliver()
    return found


@st.composite
def _robots(
    draw: st.DrawFn, id: int, workspace: str, number: int, there: tuple[str, ...]
) -> ObservedRobot:
    return ObservedRobot(
        id=id,
        login=draw(st.sampled_from(["robot$", "bot+"])) + robot_name(US, workspace, number),
        mark=Mark(installation=US, workspace=workspace),
        spaces=tuple(name for name in draw(SOME_SPACES) if name in there),
        exact=draw(st.booleans()),
        disabled=draw(st.booleans()),
        expires=draw(st.booleans()),
    )


@st.composite
def _grants(draw: st.DrawFn, robot: ObservedRobot) -> Grant:
    """As it is on record; perhaps its login, spaces and even its description changed since."""
    return Grant(
        registry="prod",
        workspace=draw(st.sampled_from([robot.mark.workspace] * 3 + ["team-b"])),
        robot_id=robot.id,
        login=robot.login if draw(st.booleans()) else "robot$old",
        spaces=robot.spaces if draw(st.booleans()) else draw(SOME_SPACES),
        made_at=NOW - timedelta(days=draw(st.integers(1, 9))),
    )


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
    ordered = _as_plan(world.plan(frozenset(WORKSPACES)))
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
    changes = _as_plan(world.plan(rotate)).changes
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
        wanted_by(world.bound, [seen(name) for name in world.there]),
        unseen(),
        world.grants.values(),
        installation=US,
        edits=edits,
        rotate=rotate,
        served=rotate,
    )
    assert found == GrantPlan()
