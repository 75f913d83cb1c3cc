"""What is on record about access when a registry is reconciled."""

from collections.abc import Collection, Mapping

from models.access.rotation import current_robots, replacement_robots
from models.core.availability import Complete, Unavailable
from models.core.base import FrozenModel
from models.discovery.identity import (
    IdentityMatch,
    compare_robots,
    contradicting_robot_ids,
    is_other_harbor,
    own_robots,
)
from models.registries.observation import NOT_REQUESTED, Snapshot
from models.registries.robot_plan import RobotPlan, RotationState, desired_robots, plan_robots
from models.registries.robots import ObservedRobot, RobotAccount

IDENTITY_MISMATCH_REASON = (
    "another Harbor answers at this address: robot accounts there have the ids of those on record, "
    "and were created at other times"
)


class RobotState(FrozenModel):
    """Bindings and grants of one registry.

    Attributes:
        bound_spaces: spaces by workspace.
        registry: its name.
        installation: who we are.
        other_registries: names of the other registries on record.
        is_managed: whether discovery follows it, and asks its robot accounts which Harbor it is.
        has_bindings: whether any binding is on record, held ones too.
        rolled_out: workspaces whose youngest robot account has reached every namespace.
        rejected: workspaces whose youngest robot account's secret is not accepted any more.
        requested_rotations: workspaces that shall get a new secret now.
        departure_rotations: workspaces that shall, because a namespace left them.
        expired_robot_ids: superseded robot accounts that go once their workspace is served.
        exposed_robot_ids: superseded robot accounts whose secret somebody who left may hold.
        overdue_robot_ids: those of them that go now, served or not.
    """

    registry: str
    installation: str
    other_registries: frozenset[str] = frozenset()
    is_managed: bool = False
    has_bindings: bool = False
    bound_spaces: Mapping[str, tuple[str, ...]] = {}
    robots: tuple[RobotAccount, ...] = ()
    rolled_out: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    requested_rotations: frozenset[str] = frozenset()
    departure_rotations: frozenset[str] = frozenset()
    expired_robot_ids: frozenset[int] = frozenset()
    exposed_robot_ids: frozenset[int] = frozenset()
    overdue_robot_ids: frozenset[int] = frozenset()

    @property
    def in_use(self) -> bool:
        """Whether anybody was ever promised anything here."""
        return bool(self.bound_spaces) or any(robot.workspace for robot in self.robots)

    @property
    def observer(self) -> RobotAccount | None:
        """The robot account that this service observes with."""
        return current_robots(
            robot_account for robot_account in self.robots if not robot_account.workspace
        ).get((self.registry, ""))

    @property
    def replacements(self) -> tuple[RobotAccount, ...]:
        """Robot accounts in use that an older one waits to be retired for."""
        return replacement_robots(self.robots)

    @property
    def rotation(self) -> RotationState:
        """Which secrets shall be new, and which superseded robot accounts may go."""
        return RotationState(
            rolled_out=self.rolled_out,
            rejected=self.rejected,
            requested_rotations=self.requested_rotations,
            departure_rotations=self.departure_rotations,
            expired_robot_ids=self.expired_robot_ids,
            exposed_robot_ids=self.exposed_robot_ids,
            overdue_robot_ids=self.overdue_robot_ids,
        )

    def ignore_unneeded_robots(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot of this registry's robots; those that concern nobody are not missed."""
        if isinstance(snapshot.robots, Complete):
            own = own_robots(snapshot.robots.items, self.robots, self.other_registries)
            robots = Complete[ObservedRobot](items=own)
            return snapshot.model_copy(update={"robots": robots})
        if self.in_use:
            return snapshot
        return snapshot.model_copy(update={"robots": NOT_REQUESTED})

    def without_spaces(self, spaces: Collection[str]) -> "RobotState":
        """Return the record without the bindings of some spaces, which are held from now on."""
        if not spaces:
            return self
        bound = {
            workspace: tuple(name for name in names if name not in spaces)
            for workspace, names in self.bound_spaces.items()
        }
        return self.model_copy(update={"bound_spaces": bound})

    def bindings_to_hold(self, snapshot: Snapshot) -> Mapping[str, str]:
        """Return the spaces whose bindings are held because this is another Harbor, and why."""
        if not isinstance(snapshot.robots, Complete):
            return {}
        if not is_other_harbor(self.robots, snapshot.robots.items):
            return {}
        bound = {space for spaces in self.bound_spaces.values() for space in spaces}
        return dict.fromkeys(sorted(bound), IDENTITY_MISMATCH_REASON)

    def orphaned_observer_id(self, snapshot: Snapshot) -> int | None:
        """Return the id of an observer that was made for a registry that is not on record."""
        robots = snapshot.robots.items if isinstance(snapshot.robots, Complete) else ()
        orphans = (
            robot.id
            for robot in robots
            if not robot.mark.workspace and robot.mark.registry not in ("", self.registry)
        )
        return next(orphans, None)

    def plan(self, snapshot: Snapshot) -> RobotPlan:
        """Decide about the registry's robot accounts.

        Harbor shows no right on a project that is gone, so a space that a robot account is shown to
        pull is there, also when a list without it claims to be complete.
        """
        if not isinstance(snapshot.spaces, Complete):
            return RobotPlan()
        space_names = {space.name for space in snapshot.spaces.items}
        if isinstance(snapshot.robots, Complete):
            space_names.update(space for robot in snapshot.robots.items for space in robot.spaces)
        robot_plan = plan_robots(
            desired_robots(self.bound_spaces, space_names),
            snapshot.robots,
            self._valid_robots(snapshot.robots),
            self.rotation,
            installation=self.installation,
            edits=snapshot.can_update_robots,
        )
        if self.keeps_deleted_robots(snapshot):
            return robot_plan.model_copy(update={"deleted_robot_ids": ()})
        return robot_plan

    def keeps_deleted_robots(self, snapshot: Snapshot) -> bool:
        """Whether records of robots that are gone stay: they tell that this is another Harbor.

        Once one of ours is there, because they were only deleted by hand, they are dropped.
        """
        robots = snapshot.robots
        if isinstance(robots, Unavailable) or not (self.is_managed and self.has_bindings):
            return False
        return compare_robots(self.robots, robots.items).match is IdentityMatch.OTHER

    def _valid_robots(
        self, robots: Complete[ObservedRobot] | Unavailable
    ) -> tuple[RobotAccount, ...]:
        """Return the records whose secret is that of the robot account with their id."""
        if isinstance(robots, Unavailable):
            return self.robots
        contradicted_ids = contradicting_robot_ids(self.robots, robots.items)
        return tuple(robot for robot in self.robots if robot.robot_id not in contradicted_ids)
