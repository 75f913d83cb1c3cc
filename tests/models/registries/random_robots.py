"""Random states of robot accounts: a small model of a Harbor, with the records of this service."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import strategies as st

from models.access.rotation import (
    Departure,
    departure_rotations,
    replacement_robots,
    schedule_robot_deletions,
)
from models.core.reasons import Reason
from models.registries.changes import (
    ChangeResult,
    CreateRobot,
    DeleteRobot,
    RobotChange,
    UpdateRobot,
)
from models.registries.plan import Plan
from models.registries.robot_plan import RobotPlan, RotationState, desired_robots, plan_robots
from models.registries.robots import ObservedRobot, OwnershipMark, RobotAccount, robot_name
from models.registries.runs.record import summarize_run
from tests.support.access_builders import INSTALLATION_ID, robot_account, robots
from tests.support.builders import NOW, registry_record, snapshot

RETENTION = timedelta(minutes=10)
WORKSPACES = ("team-a", "team-b", "team-c")
SPACES = ("p", "q", "r", "s")
SOME_SPACES = st.sets(st.sampled_from(SPACES)).map(lambda names: tuple(sorted(names)))
OTHER_OWNERS = ("ffffffff", INSTALLATION_ID)
"""Marks of another installation and of the observer, which belong to no workspace."""


@dataclass
class Platform:
    """A Harbor, its records, and the secrets that namespaces which left have copied."""

    bound: dict[str, tuple[str, ...]]
    existing_spaces: tuple[str, ...]
    robots: dict[int, ObservedRobot]
    other_robots: dict[int, ObservedRobot]
    grants: dict[int, RobotAccount]
    edits: bool
    now: datetime = NOW
    last_id: int = 1000
    departures: dict[str, Departure] = field(default_factory=dict)
    copied_accounts: dict[str, set[int]] = field(default_factory=dict)

    @property
    def desired_spaces(self) -> dict[str, set[str]]:
        return {
            workspace: set(self.existing_spaces) & set(self.bound.get(workspace, ()))
            for workspace in WORKSPACES
        }

    @property
    def pullable(self) -> dict[str, set[str]]:
        """Return the spaces that each workspace's robot accounts can pull."""
        return {
            workspace: {
                space
                for robot in self.robots.values()
                if robot.mark.workspace == workspace
                for space in (*robot.spaces, *([] if robot.pull_only else ["more"]))
            }
            for workspace in WORKSPACES
        }

    def plan(self, rotate: frozenset[str] = frozenset()) -> RobotPlan:
        return plan_robots(
            desired_robots(self.bound, self.existing_spaces),
            robots(*self.other_robots.values(), *self.robots.values()),
            self.grants.values(),
            self._rotation(rotate),
            installation=INSTALLATION_ID,
            can_update=self.edits,
        )

    def _rotation(self, rotate: frozenset[str]) -> RotationState:
        accounts, departures = self.grants.values(), self.departures.values()
        deletions = {
            id: deletion
            for (_, id), deletion in schedule_robot_deletions(
                accounts, departures, RETENTION
            ).items()
        }
        replacements = replacement_robots(accounts)
        departure_keys = departure_rotations(accounts, departures, self.now)
        return RotationState(
            requested_rotations=rotate,
            rolled_out=frozenset(robot.workspace for robot in replacements if robot.rolled_out_at),
            departure_rotations=frozenset(workspace for _, workspace in departure_keys),
            expired_robot_ids=frozenset(
                id for id, deletion in deletions.items() if deletion.is_due(self.now)
            ),
            exposed_robot_ids=frozenset(
                id for id, deletion in deletions.items() if deletion.is_exposed
            ),
            overdue_robot_ids=frozenset(
                id for id, deletion in deletions.items() if deletion.is_overdue(self.now)
            ),
        )

    def deliver(self) -> None:
        """Roll out the secrets in use to all namespaces; nodes stop using older ones."""
        for account in replacement_robots(self.grants.values()):
            update = {"rolled_out_at": account.rolled_out_at or self.now}
            self.grants[account.robot_id] = account.model_copy(update=update)
        self.now += RETENTION

    def leave(self, workspace: str) -> None:
        """Let a namespace leave with a copy of all secrets."""
        self.copied_accounts.setdefault(workspace, set()).update(
            id for id, account in self.grants.items() if account.workspace == workspace
        )
        if self.copied_accounts[workspace]:
            before = self.departures.get(workspace, Departure(registry="prod", workspace=workspace))
            update = {"left_at": before.left_at or self.now}
            self.departures[workspace] = before.model_copy(update=update)

    def step(self, rotate: frozenset[str] = frozenset(), *, is_unsafe: bool = False) -> RobotPlan:
        """Apply one complete run, optionally with a plan that exceeds the safety limits."""
        plan = self.plan(rotate)
        ordered = as_plan(plan).safe_subset() if is_unsafe else as_plan(plan)
        outcomes = tuple(self.make(change) for change in ordered.changes)  # type: ignore[arg-type]
        self.conclude(ordered, outcomes)
        return plan

    def make(self, change: RobotChange, *, is_saved: bool = True) -> ChangeResult:
        self.now += timedelta(minutes=1)
        if isinstance(change, DeleteRobot):
            del self.robots[change.robot_id]
        elif isinstance(change, UpdateRobot):
            assert self.edits, "a robot account cannot edit another"
            self._put(change.robot_id, change.login, change.workspace, change.after)
        else:
            self._make(change, is_saved=is_saved)
        return ChangeResult(change=change, succeeded=True, reason=Reason.DONE)

    def _make(self, change: CreateRobot, *, is_saved: bool) -> None:
        assert change.after, "a robot account without spaces can list every project"
        same = [robot.id for robot in self.robots.values() if robot.name == change.name]
        assert same == ([change.replaces] if change.replaces else [])
        self.last_id += 1  # from a sequence, so ids are never reused
        id = self.last_id
        if change.replaces:
            if self.edits:
                id = change.replaces
            else:
                del self.robots[change.replaces]
        self._put(id, f"robot${change.name}", change.workspace, change.after)
        if is_saved:
            self.grants[id] = RobotAccount(
                registry="prod",
                workspace=change.workspace,
                robot_id=id,
                login=f"robot${change.name}",
                spaces=change.after,
                secret_created_at=self.now,
            )
            self._answer(change.workspace)
            for copies in self.copied_accounts.values():
                copies.discard(id)  # the secret changed

    def _answer(self, workspace: str) -> None:
        departure = self.departures.get(workspace)
        if departure is not None and departure.left_at is not None:
            update = {"left_at": None, "rotated_at": self.now}
            self.departures[workspace] = departure.model_copy(update=update)

    def _put(self, id: int, login: str, workspace: str, spaces: tuple[str, ...]) -> None:
        assert set(spaces) <= set(self.existing_spaces), "Harbor knows no such project"
        mark = OwnershipMark(installation=INSTALLATION_ID, workspace=workspace)
        self.robots[id] = ObservedRobot(id=id, login=login, mark=mark, spaces=spaces)

    def conclude(self, plan: Plan, outcomes: tuple[ChangeResult, ...]) -> None:
        run_record = summarize_run(
            registry_record(),
            [],
            snapshot(),
            plan,
            outcomes,
            robot_accounts=tuple(self.grants.values()),
        )
        for account in run_record.updated_robots:
            if account.robot_id in self.grants:
                update = {"login": account.login, "spaces": account.spaces}
                self.grants[account.robot_id] = self.grants[account.robot_id].model_copy(
                    update=update
                )
        for id in run_record.deleted_robot_ids:
            self.grants.pop(id, None)


def as_plan(plan: RobotPlan) -> Plan:
    return Plan(registry="prod", created_at=NOW).with_robot_plan(plan, 0)


@st.composite
def platforms(draw: st.DrawFn, *, edits: bool | None = None) -> Platform:
    platform = Platform(
        bound={name: draw(SOME_SPACES) for name in draw(st.sets(st.sampled_from(WORKSPACES)))},
        existing_spaces=draw(SOME_SPACES),
        robots={},
        other_robots={},
        grants={},
        edits=draw(st.booleans()) if edits is None else edits,
    )
    for workspace in WORKSPACES:
        for number in draw(st.sets(st.integers(1, 4), max_size=3)):
            id = len(platform.robots) + 1
            robot = draw(_robots(id, workspace, number, platform.existing_spaces))
            platform.robots[id] = robot
            if draw(st.booleans()):
                platform.grants[id] = draw(_grants(robot))
    for installation, workspace, id in zip(OTHER_OWNERS, ("team-a", ""), (201, 202), strict=True):
        mark = OwnershipMark(installation=installation, workspace=workspace)
        platform.other_robots[id] = ObservedRobot(
            id=id, login=f"robot${id}", mark=mark, pull_only=False
        )
    if draw(st.booleans()):
        platform.grants[150] = robot_account(
            150, workspace=draw(st.sampled_from(WORKSPACES))
        )  # it was deleted
    if draw(st.booleans()):
        platform.deliver()
    return platform


@st.composite
def _robots(
    draw: st.DrawFn, id: int, workspace: str, number: int, existing_spaces: tuple[str, ...]
) -> ObservedRobot:
    return ObservedRobot(
        id=id,
        login=draw(st.sampled_from(["robot$", "bot+"]))
        + robot_name(INSTALLATION_ID, workspace, number),
        mark=OwnershipMark(installation=INSTALLATION_ID, workspace=workspace),
        spaces=tuple(name for name in draw(SOME_SPACES) if name in existing_spaces),
        pull_only=draw(st.booleans()),
        disabled=draw(st.booleans()),
        has_expiry=draw(st.booleans()),
    )


@st.composite
def _grants(draw: st.DrawFn, robot: ObservedRobot) -> RobotAccount:
    """A recorded robot account whose login, spaces or description may have changed in Harbor."""
    return RobotAccount(
        registry="prod",
        workspace=draw(st.sampled_from([robot.mark.workspace] * 3 + ["team-b"])),
        robot_id=robot.id,
        login=robot.login if draw(st.booleans()) else "robot$old",
        spaces=robot.spaces if draw(st.booleans()) else draw(SOME_SPACES),
        secret_created_at=NOW - timedelta(days=draw(st.integers(1, 9))),
    )
