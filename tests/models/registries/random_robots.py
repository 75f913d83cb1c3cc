"""Worlds of robot accounts: a tiny pure model of a Harbor, and what is on record of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import strategies as st

from models.access.rotation import Departure, leaving, retirements, superseding
from models.core.reasons import Reason
from models.registries.changes import EditGrant, GrantChange, MakeGrant, Outcome, RevokeGrant
from models.registries.plan import Plan
from models.registries.robot_plan import GrantPlan, plan_grants, wanted_by
from models.registries.robots import Grant, Mark, ObservedRobot, robot_name
from models.registries.run_record import conclude
from tests.support.access_builders import US, grant, robots
from tests.support.builders import NOW, dossier, snapshot

RETENTION = timedelta(minutes=10)
WORKSPACES = ("team-a", "team-b", "team-c")
SPACES = ("p", "q", "r", "s")
SOME_SPACES = st.sets(st.sampled_from(SPACES)).map(lambda names: tuple(sorted(names)))
OTHERS = ("ffffffff", US)
"""Of another installation, and our own observer's: neither is a workspace's."""


@dataclass
class World:
    """A Harbor, what is on record of it, and which secrets those who left have copied."""

    bound: dict[str, tuple[str, ...]]
    there: tuple[str, ...]
    robots: dict[int, ObservedRobot]
    others: dict[int, ObservedRobot]
    grants: dict[int, Grant]
    edits: bool
    now: datetime = NOW
    last_id: int = 1000
    departures: dict[str, Departure] = field(default_factory=dict)
    copied: dict[str, set[int]] = field(default_factory=dict)

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
        going = retirements(self.grants.values(), self.departures.values(), RETENTION)
        left = leaving(self.grants.values(), self.departures.values(), self.now)
        return plan_grants(
            wanted_by(self.bound, self.there),
            robots(*self.others.values(), *self.robots.values()),
            self.grants.values(),
            installation=US,
            edits=self.edits,
            rotate=rotate,
            served={
                one.workspace for one in superseding(self.grants.values()) if one.rolled_out_at
            },
            leaving={workspace for _, workspace in left},
            retired={id for (_, id), one in going.items() if one.due(self.now)},
            exposed={id for (_, id), one in going.items() if one.exposed},
            overdue={id for (_, id), one in going.items() if one.overdue(self.now)},
        )

    def deliver(self) -> None:
        """All namespaces get the secrets in use, and nodes stop using what they read before."""
        for one in superseding(self.grants.values()):
            update = {"rolled_out_at": one.rolled_out_at or self.now}
            self.grants[one.robot_id] = one.model_copy(update=update)
        self.now += RETENTION

    def leave(self, workspace: str) -> None:
        """A namespace leaves, and keeps a copy of every secret that there is."""
        self.copied.setdefault(workspace, set()).update(
            id for id, one in self.grants.items() if one.workspace == workspace
        )
        if self.copied[workspace]:
            before = self.departures.get(workspace, Departure(registry="prod", workspace=workspace))
            update = {"left_at": before.left_at or self.now}
            self.departures[workspace] = before.model_copy(update=update)

    def step(self, rotate: frozenset[str] = frozenset(), *, refused: bool = False) -> GrantPlan:
        """One run that nothing interrupts; perhaps safety limits refuse its plan."""
        plan = self.plan(rotate)
        ordered = as_plan(plan).braked() if refused else as_plan(plan)
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
            self._answer(change.workspace)
            for copies in self.copied.values():
                copies.discard(id)  # another secret

    def _answer(self, workspace: str) -> None:
        departure = self.departures.get(workspace)
        if departure is not None and departure.left_at is not None:
            update = {"left_at": None, "rotated_at": self.now}
            self.departures[workspace] = departure.model_copy(update=update)

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


def as_plan(plan: GrantPlan) -> Plan:
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
            id = len(found.robots) + 1
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
