"""Decide when robot accounts get new secrets, and when the old ones may go."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from models.clusters.membership import Namespace
from models.clusters.pull_secret import PullSecretStatus
from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.registries.robots import RobotAccount

DEPARTURE_ROTATION_INTERVAL = timedelta(minutes=15)
"""A workspace gets a new secret at most so often because namespaces left it: CI's come and go."""


class Departure(FrozenModel):
    """That namespaces left a workspace which has a robot account on a registry.

    Whoever leaves may have copied the secret, so there is to be another.

    Attributes:
        left_at: when the first one left since there was a new secret (UTC); None if none did.
        rotated_at: when the last secret was made because of one (UTC); None if none was. Older ones
            may be held by those who left.
    """

    registry: str
    workspace: str
    left_at: datetime | None = None
    rotated_at: datetime | None = None

    @property
    def due_at(self) -> datetime | None:
        """When a new secret is to be made; None if it is not."""
        if self.left_at is None or self.rotated_at is None:
            return self.left_at
        return max(self.left_at, self.rotated_at + DEPARTURE_ROTATION_INTERVAL)


class RobotDeletion(FrozenModel):
    """When a superseded robot account goes.

    Attributes:
        scheduled_at: from when on, once the one in use is delivered everywhere (UTC); None if not
            yet known.
        deadline: when it goes in any case, because somebody who left may hold its secret (UTC).
    """

    scheduled_at: datetime | None = None
    deadline: datetime | None = None

    @property
    def is_exposed(self) -> bool:
        """Whether somebody who left may hold its secret."""
        return self.deadline is not None

    def is_due(self, now: datetime) -> bool:
        """Whether it is time."""
        return self.is_overdue(now) or (self.scheduled_at is not None and self.scheduled_at <= now)

    def is_overdue(self, now: datetime) -> bool:
        """Whether it goes now in any case."""
        return self.deadline is not None and self.deadline <= now


def schedule_robot_deletions(
    robot_accounts: Iterable[RobotAccount], departures: Iterable[Departure], retention: timedelta
) -> dict[tuple[str, int], RobotDeletion]:
    """Return when each superseded robot account goes, by registry and id.

    Args:
        retention: how long one is kept after the secret that supersedes it was delivered
            everywhere: a node may have read the old one and pull with it later.
    """
    rotation_times = {
        (departure.registry, departure.workspace): departure.rotated_at for departure in departures
    }
    by_workspace: dict[tuple[str, str], list[RobotAccount]] = defaultdict(list)
    for robot in sorted((robot for robot in robot_accounts if robot.workspace), key=_robot_age):
        by_workspace[robot.registry, robot.workspace].append(robot)
    return {
        (robot.registry, robot.robot_id): _schedule_robot_deletion(
            robot, group[place + 1 :], rotation_times.get(key), retention
        )
        for key, group in by_workspace.items()
        for place, robot in enumerate(group[:-1])
    }


def _schedule_robot_deletion(
    robot_account: RobotAccount,
    younger: Iterable[RobotAccount],
    rotated_at: datetime | None,
    retention: timedelta,
) -> RobotDeletion:
    rolled_out = min(
        (successor.rolled_out_at for successor in younger if successor.rolled_out_at), default=None
    )
    if rotated_at is not None and robot_account.secret_created_at < rotated_at:
        return RobotDeletion(scheduled_at=rolled_out, deadline=rotated_at + retention)
    return RobotDeletion(scheduled_at=rolled_out + retention if rolled_out else None)


def copied_login_expiry(departure: Departure, retention: timedelta) -> datetime | None:
    """Return until when those who left can pull at the latest, if the registry can be reached."""
    return departure.due_at + retention if departure.due_at else None


def departure_rotations(
    robot_accounts: Iterable[RobotAccount], departures: Iterable[Departure], now: datetime
) -> frozenset[tuple[str, str]]:
    """Return (registry, workspace) that get a new secret now, because a namespace left."""
    robot_keys = {(robot.registry, robot.workspace) for robot in robot_accounts}
    return frozenset(
        (departure.registry, departure.workspace)
        for departure in departures
        if departure.due_at is not None
        and departure.due_at <= now
        and (departure.registry, departure.workspace) in robot_keys
    )


def registries_with_due_robots(
    robot_accounts: Iterable[RobotAccount],
    departures: Iterable[Departure],
    retention: timedelta,
    now: datetime,
) -> frozenset[str]:
    """Return the registries on which a robot account is to be made or deleted by now."""
    account_list, departure_list = tuple(robot_accounts), tuple(departures)
    registries = {
        registry
        for (registry, _), retirement in schedule_robot_deletions(
            account_list, departure_list, retention
        ).items()
        if retirement.is_due(now)
    }
    return frozenset(
        registries
        | {registry for registry, _ in departure_rotations(account_list, departure_list, now)}
    )


def current_robots(robot_accounts: Iterable[RobotAccount]) -> dict[tuple[str, str], RobotAccount]:
    """Return the robot account in use for each registry and workspace."""
    newest: dict[tuple[str, str], RobotAccount] = {}
    for robot_account in robot_accounts:
        key = robot_account.registry, robot_account.workspace
        if key not in newest or _robot_age(newest[key]) < _robot_age(robot_account):
            newest[key] = robot_account
    return newest


def _robot_age(robot_account: RobotAccount) -> tuple[datetime, int]:
    return robot_account.secret_created_at, robot_account.robot_id


def replacement_robots(robot_accounts: Iterable[RobotAccount]) -> tuple[RobotAccount, ...]:
    """Return the robot accounts in use that an older one is still there beside."""
    workspace_accounts = tuple(robot for robot in robot_accounts if robot.workspace)
    in_use = current_robots(workspace_accounts)
    older = {
        (robot_account.registry, robot_account.workspace)
        for robot_account in workspace_accounts
        if robot_account not in in_use.values()
    }
    return tuple(robot_account for key, robot_account in in_use.items() if key in older)


def due_for_rotation(
    robot_accounts: Iterable[RobotAccount], age: timedelta | None, now: datetime
) -> frozenset[str]:
    """Return the workspaces of one registry whose secret is older than `age`; None never ends."""
    if age is None:
        return frozenset()
    return frozenset(
        robot_account.workspace
        for robot_account in current_robots(robot_accounts).values()
        if robot_account.workspace and now - robot_account.secret_created_at >= age
    )


def fully_rolled_out(
    robot_accounts: Iterable[RobotAccount],
    namespaces: Iterable[Namespace],
    pull_secrets: Iterable[PullSecretStatus],
) -> frozenset[tuple[str, str]]:
    """Return (registry, workspace) whose youngest robot has reached every namespace.

    A namespace that is being deleted, or that never had our pull secret because a foreign one is in
    its place, is not waited for. One in a cluster that is out of reach is.
    """
    namespace_robots = robots_by_namespace(pull_secrets)
    members: dict[str, list[frozenset[tuple[str, int | None]]]] = defaultdict(list)
    foreign = {
        (pull_secret.cluster, pull_secret.namespace)
        for pull_secret in pull_secrets
        if pull_secret.reason is Reason.FOREIGN_SECRET
    }
    for namespace in namespaces:
        place = namespace.cluster, namespace.name
        if namespace.workspace and not namespace.terminating and place not in foreign:
            members[namespace.workspace].append(namespace_robots.get(place, frozenset()))
    return frozenset(
        key
        for key, robot_account in current_robots(robot_accounts).items()
        if all(
            (robot_account.registry, robot_account.robot_id) in robots
            for robots in members[robot_account.workspace]
        )
    )


def robots_by_namespace(
    pull_secrets: Iterable[PullSecretStatus],
) -> dict[tuple[str, str], frozenset[tuple[str, int | None]]]:
    """Return which (registry, robot) each (cluster, namespace) was last known to hold."""
    return {
        (pull_secret.cluster, pull_secret.namespace): frozenset(
            (login.registry, login.robot_id) for login in pull_secret.logins
        )
        for pull_secret in pull_secrets
    }
