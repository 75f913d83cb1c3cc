"""The records about access that reconciling a registry needs."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from pydantic import Field

from models.access.rotation import (
    REFUSED_SECRET_INTERVAL,
    Departure,
    blocked_robot_ids,
    current_robots,
    departure_rotations,
    replacement_robots,
    schedule_robot_deletions,
)
from models.clusters.membership import Namespace
from models.clusters.pull_secret import PullSecretStatus
from models.core.availability import Complete, Unavailable
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
    "another registry responds at this address: its robot accounts have the ids on record but "
    "other creation times"
)


class RobotState(RotationState):
    """The bindings and robot accounts of one registry, and their rotations.

    Attributes:
        registry: name of the registry.
        installation: id of this installation.
        other_registries: names of the other registries on record.
        is_managed: whether discovery updates it and compares robot accounts to identify it.
        has_bindings: whether it has bindings on record, including held ones.
        bound_spaces: bound spaces by workspace, without held bindings.
        robots: robot accounts on record.
        departures: departures on record.
        key_check: text that the key of the stored secrets decrypts; empty if there is none yet.
        pull_secrets: pull secrets on record while there are departures. A robot account in one that
            cannot be written, because a password for another registry is not known, is not deleted
            at its deadline: that would end the access of namespaces that are still entitled.
        namespaces: namespaces on record while there are departures; they tell who is entitled.
    """

    registry: str
    installation: str
    other_registries: frozenset[str] = frozenset()
    is_managed: bool = False
    has_bindings: bool = False
    bound_spaces: Mapping[str, tuple[str, ...]] = {}
    robots: tuple[RobotAccount, ...] = ()
    departures: tuple[Departure, ...] = ()
    key_check: str = Field(default="", repr=False)
    pull_secrets: tuple[PullSecretStatus, ...] = ()
    namespaces: tuple[Namespace, ...] = ()

    def schedule(
        self, retention: timedelta, now: datetime, requested: frozenset[str] = frozenset()
    ) -> "RobotState":
        """Return the state with the secrets to rotate and the robot accounts to delete now.

        Args:
            retention: how long a superseded robot account is kept.
            now: time of the run.
            requested: workspaces that get a new secret on request.
        """
        deletions = {
            id: deletion
            for (_, id), deletion in schedule_robot_deletions(
                self.robots, self.departures, retention
            ).items()
        }
        blocked = blocked_robot_ids(self.pull_secrets, self.robots, self.namespaces)
        rotations = departure_rotations(self.robots, self.departures, now)
        update = {
            "requested_rotations": requested,
            "rolled_out": {robot.workspace for robot in self.replacements if robot.rolled_out_at},
            "departure_rotations": {workspace for _, workspace in rotations},
            "expired_robot_ids": {id for id in deletions if deletions[id].is_due(now)},
            "recent_robot_ids": {
                robot.robot_id
                for robot in self.robots
                if now - robot.secret_created_at < REFUSED_SECRET_INTERVAL
            },
            "exposed_robot_ids": {id for id in deletions if deletions[id].is_exposed},
            "overdue_robot_ids": {
                id for id in deletions if deletions[id].is_overdue(now) and id not in blocked
            },
        }
        return self.model_copy(update={key: frozenset(value) for key, value in update.items()})

    @property
    def in_use(self) -> bool:
        """Whether a workspace has, or had, access to this registry."""
        return bool(self.bound_spaces) or any(robot.workspace for robot in self.robots)

    @property
    def observer(self) -> RobotAccount | None:
        """The robot account that this service uses for observations."""
        return current_robots(
            robot_account for robot_account in self.robots if not robot_account.workspace
        ).get((self.registry, ""))

    @property
    def replacements(self) -> tuple[RobotAccount, ...]:
        """Robot accounts in use whose predecessor is not deleted yet."""
        return replacement_robots(self.robots)

    def ignore_unneeded_robots(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with only this registry's robot accounts.

        Drop an unavailable section if no workspace uses the registry.
        """
        if isinstance(snapshot.robots, Complete):
            own = own_robots(snapshot.robots.items, self.robots, self.other_registries)
            robots = Complete[ObservedRobot](items=own)
            return snapshot.model_copy(update={"robots": robots})
        if self.in_use:
            return snapshot
        return snapshot.model_copy(update={"robots": NOT_REQUESTED})

    def without_spaces(self, spaces: Collection[str]) -> "RobotState":
        """Return the state without the bindings of spaces that become held."""
        if not spaces:
            return self
        bound = {
            workspace: tuple(name for name in names if name not in spaces)
            for workspace, names in self.bound_spaces.items()
        }
        return self.model_copy(update={"bound_spaces": bound})

    def bindings_to_hold(self, snapshot: Snapshot) -> Mapping[str, str]:
        """Return the spaces whose bindings become held because the Harbor was replaced."""
        if not isinstance(snapshot.robots, Complete):
            return {}
        if not is_other_harbor(self.robots, snapshot.robots.items):
            return {}
        bound = {space for spaces in self.bound_spaces.values() for space in spaces}
        return dict.fromkeys(sorted(bound), IDENTITY_MISMATCH_REASON)

    def orphaned_observer_id(self, snapshot: Snapshot) -> int | None:
        """Return the id of an observer whose registry is no longer on record."""
        robots = snapshot.robots.items if isinstance(snapshot.robots, Complete) else ()
        orphans = (
            robot.id
            for robot in robots
            if not robot.mark.workspace and robot.mark.registry not in ("", self.registry)
        )
        return next(orphans, None)

    def plan(self, snapshot: Snapshot) -> RobotPlan:
        """Return the plan for the registry's robot accounts."""
        if not isinstance(snapshot.spaces, Complete):
            return RobotPlan()
        # Harbor lists no permissions for deleted projects, so a space in a robot account's
        # permissions exists, even if the complete list of spaces does not contain it.
        space_names = {space.name for space in snapshot.spaces.items}
        if isinstance(snapshot.robots, Complete):
            space_names.update(space for robot in snapshot.robots.items for space in robot.spaces)
        robot_plan = plan_robots(
            desired_robots(self.bound_spaces, space_names),
            snapshot.robots,
            self._valid_robots(snapshot.robots),
            self,
            installation=self.installation,
            can_update=snapshot.can_update_robots,
        )
        if self.keeps_deleted_robots(snapshot):
            return robot_plan.model_copy(update={"deleted_robot_ids": ()})
        return robot_plan

    def unproved_robots(self, snapshot: Snapshot) -> tuple[ObservedRobot, ...]:
        """Return the robot accounts in use whose secret may be another one than on record.

        A disabled or expired one cannot log in; it is repaired first.
        """
        if not isinstance(snapshot.robots, Complete):
            return ()
        valid_robots = self._valid_robots(snapshot.robots)
        in_use = {robot.robot_id: robot for robot in current_robots(valid_robots).values()}
        return tuple(
            robot
            for robot in snapshot.robots.items
            if robot.id in in_use
            and in_use[robot.id].workspace
            and in_use[robot.id].may_have_other_secret(robot)
            and not (robot.disabled or robot.has_expiry)
        )

    def keeps_deleted_robots(self, snapshot: Snapshot) -> bool:
        """Return whether to keep the records of robot accounts that no longer exist.

        They are kept as evidence that a managed Harbor was replaced. If at least one robot account
        on record exists, the others were deleted manually and their records are deleted.
        """
        robots = snapshot.robots
        if isinstance(robots, Unavailable) or not (self.is_managed and self.has_bindings):
            return False
        return compare_robots(self.robots, robots.items).match is IdentityMatch.OTHER

    def _valid_robots(
        self, robots: Complete[ObservedRobot] | Unavailable
    ) -> tuple[RobotAccount, ...]:
        """Return the records whose robot account was not replaced by one with the same id."""
        if isinstance(robots, Unavailable):
            return self.robots
        contradicted_ids = contradicting_robot_ids(self.robots, robots.items)
        return tuple(robot for robot in self.robots if robot.robot_id not in contradicted_ids)
