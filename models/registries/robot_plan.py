"""Plan the robot accounts of a Harbor: one for each workspace with a binding."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from models.core.availability import Complete, Unavailable
from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.registries.changes import CreateRobot, DeleteRobot, RobotChange, UpdateRobot
from models.registries.robots import ObservedRobot, RobotAccount, robot_name

_MAX_REPLACED = 2
"""Robot accounts that wait for their deletion beside one whose secret is refused: that of a
rotation, and one more. Then no further one is created."""


class RobotPlan(FrozenModel):
    """The planned changes to robot accounts and their records.

    Attributes:
        updated_robots: new records of robot accounts that Harbor reports differently.
        deleted_robot_ids: ids of recorded robot accounts that no longer exist in Harbor.
        refused_workspaces: workspaces whose new secret Harbor refuses, too; it gets another one
            after some time.
    """

    changes: tuple[RobotChange, ...] = ()
    updated_robots: tuple[RobotAccount, ...] = ()
    deleted_robot_ids: tuple[int, ...] = ()
    refused_workspaces: tuple[str, ...] = ()


class DesiredRobot(FrozenModel):
    """The desired robot account of a workspace.

    Attributes:
        spaces: bound spaces that exist.
        has_bindings: whether the workspace has bindings, also to spaces that do not exist.
    """

    spaces: tuple[str, ...] = ()
    has_bindings: bool = False


class RotationState(FrozenModel):
    """The state of the rotations in one Harbor.

    Attributes:
        rolled_out: workspaces whose newest robot account is rolled out to all namespaces, so that
            older ones can be deleted.
        rejected: workspaces whose newest robot account's secret is no longer accepted.
        requested_rotations: workspaces to rotate now.
        departure_rotations: workspaces to rotate now because a namespace left; it may have a copy
            of the secret.
        expired_robot_ids: superseded robot accounts to delete once their workspace is rolled out.
        exposed_robot_ids: superseded robot accounts whose secret a namespace that left may have.
        overdue_robot_ids: exposed robot accounts to delete now, even before the roll-out is
            complete.
        recent_robot_ids: robot accounts whose secret is too new to be replaced once more because
            it is refused.
    """

    rolled_out: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    requested_rotations: frozenset[str] = frozenset()
    departure_rotations: frozenset[str] = frozenset()
    expired_robot_ids: frozenset[int] = frozenset()
    exposed_robot_ids: frozenset[int] = frozenset()
    overdue_robot_ids: frozenset[int] = frozenset()
    recent_robot_ids: frozenset[int] = frozenset()

    def deletable_robot_ids(self, workspace: str) -> frozenset[int]:
        """Return the ids of superseded robot accounts to delete now."""
        if workspace not in self.rolled_out:
            return self.overdue_robot_ids
        return self.overdue_robot_ids | self.expired_robot_ids


_NO_ROTATIONS = RotationState()


def desired_robots(
    bound_spaces: Mapping[str, Collection[str]], space_names: Collection[str]
) -> dict[str, DesiredRobot]:
    """Return the desired robot accounts by workspace; spaces that do not exist are left out.

    Args:
        bound_spaces: bound spaces by workspace.
        space_names: names of existing spaces.
    """
    existing_names = frozenset(space_names)
    return {
        workspace: DesiredRobot(
            spaces=tuple(sorted(existing_names.intersection(names))), has_bindings=True
        )
        for workspace, names in bound_spaces.items()
        if names
    }


def plan_robots(
    desired: Mapping[str, DesiredRobot],
    observed_robots: Complete[ObservedRobot] | Unavailable,
    recorded_robots: Iterable[RobotAccount],
    rotation: RotationState = _NO_ROTATIONS,
    *,
    installation: str,
    can_update: bool,
) -> RobotPlan:
    """Compare the observed robot accounts with the desired ones.

    The plan is empty unless the list of robot accounts is complete. The list contains only robot
    accounts with this installation's mark.

    Args:
        desired: desired robot accounts by workspace.
        observed_robots: observed robot accounts with this installation's mark.
        recorded_robots: robot accounts on record, which have a stored secret.
        rotation: secrets to rotate, and superseded robot accounts to delete.
        installation: id of this installation.
        can_update: whether the credential may update robot accounts; if not, a change of spaces
            creates a new robot account.
    """
    if isinstance(observed_robots, Unavailable):
        return RobotPlan()
    on_record = {account.robot_id: account for account in recorded_robots}
    robots_by_workspace = _by_workspace(observed_robots.items, installation)
    changes: list[RobotChange] = []
    refused: list[str] = []
    for workspace in sorted(desired.keys() | robots_by_workspace.keys()):
        workspace_robots = _WorkspaceRobots(
            workspace, desired, robots_by_workspace[workspace], on_record, rotation
        )
        changes += workspace_robots.plan(installation, can_update=can_update)
        refused += [workspace] if workspace_robots.is_refused_again else []
    robot_ids = {robot.id for robot in observed_robots.items}
    return RobotPlan(
        changes=tuple(changes),
        updated_robots=tuple(_renamed_robots(observed_robots.items, on_record)),
        deleted_robot_ids=tuple(sorted(on_record.keys() - robot_ids)),
        refused_workspaces=tuple(refused),
    )


def _by_workspace(
    robots: Iterable[ObservedRobot], installation: str
) -> dict[str, list[ObservedRobot]]:
    by_workspace: dict[str, list[ObservedRobot]] = defaultdict(list)
    for robot in robots:
        if robot.mark.installation == installation and robot.mark.workspace:
            by_workspace[robot.mark.workspace].append(robot)
    return by_workspace


def _renamed_robots(
    robots: Iterable[ObservedRobot], on_record: Mapping[int, RobotAccount]
) -> Iterable[RobotAccount]:
    # A change of Harbor's robot name prefix renames all logins at once.
    for robot in robots:
        account = on_record.get(robot.id)
        if account is not None:
            created_at = account.created_at or robot.created_at
            update = {"login": robot.login, "spaces": robot.spaces, "created_at": created_at}
            current = account.model_copy(update=update)
            if current != account:
                yield current


class _WorkspaceRobots:
    """The robot accounts of one workspace; used only by `plan_robots`."""

    def __init__(
        self,
        workspace: str,
        desired: Mapping[str, DesiredRobot],
        robots: Iterable[ObservedRobot],
        on_record: Mapping[int, RobotAccount],
        rotation: RotationState,
    ) -> None:
        self.rotation = rotation
        self.workspace, self.desired = workspace, desired.get(workspace, DesiredRobot())
        self.desired_by_workspace, self.records_by_id = desired, on_record
        by_age = sorted(robots, key=lambda robot: robot.id)
        # The description, which contains the workspace, can be edited in Harbor. A secret that is
        # on record for another workspace must not be rolled out to this one.
        recorded_ids = {
            account.robot_id for account in on_record.values() if account.workspace == workspace
        }
        self.was_recorded = bool(recorded_ids)
        self.with_secret = [robot for robot in by_age if robot.id in recorded_ids]
        self.without_secret = [robot for robot in by_age if robot.id not in recorded_ids]
        self.with_secret.sort(key=lambda robot: (on_record[robot.id].secret_created_at, robot.id))

    def plan(self, installation: str, *, can_update: bool) -> list[RobotChange]:
        if not self.desired.spaces:
            return self._delete_all()
        if not self.with_secret:
            return self._create_first(installation)
        changes = self._delete(self.without_secret, Reason.ORPHANED)
        *older, newest = self.with_secret
        changes += self._delete_superseded(older, can_update=can_update)
        mismatch = self._mismatch(newest)
        if mismatch is not None and can_update:
            changes.append(self._update(newest, mismatch))
            mismatch = None
        reason = mismatch or self._rotation_reason(newest, has_older=bool(older))
        if reason is Reason.SECRET_LOST and len(older) >= _MAX_REPLACED:
            changes += self._refresh_refused(newest)
        elif reason is not None:
            changes.append(self._create_next(installation, newest, reason))
        return changes

    @property
    def is_refused_again(self) -> bool:
        """Whether the secret of a replacement is refused, as the one before may have been."""
        if not self.desired.spaces or len(self.with_secret) <= _MAX_REPLACED:
            return False
        return self._is_refused(self.with_secret[-1])

    def _is_refused(self, newest: ObservedRobot) -> bool:
        return self.workspace in self.rotation.rejected or newest.secret_accepted is False

    def _refresh_refused(self, newest: ObservedRobot) -> list[CreateRobot]:
        # A Harbor that refuses every new secret would get another robot account in each run.
        if newest.id in self.rotation.recent_robot_ids:
            return []
        return [
            CreateRobot(
                workspace=self.workspace,
                name=newest.name,
                replaces=newest.id,
                before=newest.spaces,
                after=self.desired.spaces,
                reason=Reason.SECRET_LOST,
            )
        ]

    def _rotation_reason(self, newest: ObservedRobot, *, has_older: bool) -> Reason | None:
        if self._is_refused(newest):
            return Reason.SECRET_LOST
        if self.workspace in self.rotation.departure_rotations:
            return Reason.NAMESPACE_LEFT
        is_requested = self.workspace in self.rotation.requested_rotations
        return Reason.ROTATED if is_requested and not has_older else None

    def _create_first(self, installation: str) -> list[RobotChange]:
        # An interrupted run may have created a robot account without storing its secret: reuse it.
        # Do not reuse one whose secret may be held by namespaces that lack its permissions, nor one
        # with the name of another workspace, which could then never create its own.
        reusable_robots = [
            robot
            for robot in self.without_secret
            if self._has_own_name(robot, installation) and not self._is_urgent(robot)
        ][:1]
        extra_robots = [robot for robot in self.without_secret if robot not in reusable_robots]
        missing = Reason.ROBOT_MISSING if self.was_recorded else Reason.BINDINGS_CHANGED
        creation = CreateRobot(
            workspace=self.workspace,
            name=reusable_robots[0].name
            if reusable_robots
            else robot_name(installation, self.workspace),
            replaces=reusable_robots[0].id if reusable_robots else None,
            after=self.desired.spaces,
            reason=Reason.SECRET_LOST if reusable_robots else missing,
        )
        return [*self._delete(extra_robots, Reason.ORPHANED), creation]

    def _has_own_name(self, robot: ObservedRobot, installation: str) -> bool:
        first_name = robot_name(installation, self.workspace)
        return robot.name == first_name or robot.name.startswith(f"{first_name}.")

    def _create_next(self, installation: str, newest: ObservedRobot, reason: Reason) -> CreateRobot:
        names_in_use = {robot.name for robot in (*self.with_secret, *self.without_secret)}
        numbers = range(1, len(names_in_use) + 2)
        names = (robot_name(installation, self.workspace, number) for number in numbers)
        return CreateRobot(
            workspace=self.workspace,
            name=next(name for name in names if name not in names_in_use),
            before=newest.spaces,
            after=self.desired.spaces,
            reason=reason,
        )

    def _delete_all(self) -> list[RobotChange]:
        reason = Reason.SPACES_MISSING if self.desired.has_bindings else Reason.BINDINGS_CHANGED
        orphans = self._delete(self.without_secret, Reason.ORPHANED)
        return self._delete(self.with_secret, reason) + orphans

    def _delete_superseded(
        self, older: Iterable[ObservedRobot], *, can_update: bool
    ) -> list[RobotChange]:
        # A superseded robot account is limited to the desired spaces until it is deleted. If it
        # cannot be updated, delete it at once: ending access to unbound spaces has priority over
        # namespaces that still wait for the new secret.
        changes: list[RobotChange] = []
        deletable_ids = self.rotation.deletable_robot_ids(self.workspace)
        for robot in older:
            has_excess_access = not robot.pull_only or not set(robot.spaces) <= set(
                self.desired.spaces
            )
            is_exposed = robot.id in self.rotation.exposed_robot_ids
            if robot.id in deletable_ids or (has_excess_access and not can_update):
                reason = Reason.NAMESPACE_LEFT if is_exposed else Reason.SUPERSEDED
                changes += self._delete([robot], reason)
            elif mismatch := self._mismatch(robot):
                changes += [self._update(robot, mismatch)] if can_update else []
        return changes

    def _mismatch(self, robot: ObservedRobot) -> Reason | None:
        if not robot.pull_only or robot.has_expiry:
            return Reason.ROBOT_EDITED
        if robot.disabled:
            return Reason.ROBOT_DISABLED
        return None if robot.spaces == self.desired.spaces else Reason.BINDINGS_CHANGED

    def _update(self, robot: ObservedRobot, reason: Reason) -> UpdateRobot:
        return UpdateRobot(
            workspace=self.workspace,
            robot_id=robot.id,
            login=robot.login,
            before=robot.spaces,
            after=self.desired.spaces,
            reason=reason,
        )

    def _delete(self, robots: Iterable[ObservedRobot], reason: Reason) -> list[RobotChange]:
        return [
            DeleteRobot(
                workspace=self.workspace,
                robot_id=robot.id,
                login=robot.login,
                before=robot.spaces,
                reason=reason,
                is_urgent=self._is_urgent(robot),
            )
            for robot in robots
        ]

    def _is_urgent(self, robot: ObservedRobot) -> bool:
        """Return whether namespaces that may hold the secret lack some of its permissions."""
        # These are the namespaces of the workspace on record, regardless of the description in
        # Harbor, and exposed namespaces that left. A secret without a record was never rolled out.
        if robot.id in self.rotation.exposed_robot_ids:
            return True
        account = self.records_by_id.get(robot.id)
        if account is None or not account.workspace:
            return False
        desired = self.desired_by_workspace.get(account.workspace, DesiredRobot())
        return not (
            desired.has_bindings and robot.pull_only and set(robot.spaces) <= set(desired.spaces)
        )
