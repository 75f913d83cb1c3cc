"""Decide when secrets are rotated, and when superseded robot accounts are deleted."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from models.clusters.membership import Namespace
from models.clusters.pull_secret import FOREIGN_REASONS, PullSecretStatus
from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.registries.changes import ChangeResult, CreateRobot, DeleteRobot
from models.registries.robots import RobotAccount

DEPARTURE_ROTATION_INTERVAL = timedelta(minutes=15)
"""Minimum time between two rotations due to departures; CI creates and deletes many namespaces."""


REFUSED_SECRET_INTERVAL = timedelta(minutes=15)
"""Minimum age of a replacement's secret that is refused before it gets another one."""


class Departure(FrozenModel):
    """Namespaces that left a workspace with a robot account in a registry.

    Such a namespace may have a copy of the secret, so the secret is rotated.

    Attributes:
        left_at: when the first namespace left since the last rotation (UTC); None if none did.
        rotated_at: when the secret was last rotated due to a departure (UTC); None if never.
            Namespaces that left may have copies of older secrets.
    """

    registry: str
    workspace: str
    left_at: datetime | None = None
    rotated_at: datetime | None = None

    @property
    def due_at(self) -> datetime | None:
        """When the secret is rotated (UTC); None if no rotation is needed."""
        if self.left_at is None or self.rotated_at is None:
            return self.left_at
        return max(self.left_at, self.rotated_at + DEPARTURE_ROTATION_INTERVAL)

    def leave(self, now: datetime) -> "Departure":
        """Return the departure after a namespace left; the first one since a rotation counts."""
        return self.model_copy(update={"left_at": self.left_at or now})

    def rotate(self, secret_created_at: datetime) -> "Departure":
        """Return the departure after a new secret was created; namespaces that left lack it."""
        if self.left_at is None:
            return self
        return self.model_copy(update={"left_at": None, "rotated_at": secret_created_at})


class RobotDeletion(FrozenModel):
    """When a superseded robot account is deleted.

    Attributes:
        scheduled_at: time of deletion after the roll-out of its successor (UTC); None before the
            roll-out.
        deadline: time of deletion regardless of the roll-out (UTC), because a namespace that left
            may have a copy of the secret; None if there is no such namespace.
    """

    scheduled_at: datetime | None = None
    deadline: datetime | None = None

    @property
    def is_exposed(self) -> bool:
        """Whether a namespace that left may have a copy of its secret."""
        return self.deadline is not None

    def is_due(self, now: datetime) -> bool:
        """Return whether it is deleted now, if its successor is rolled out."""
        return self.is_overdue(now) or (self.scheduled_at is not None and self.scheduled_at <= now)

    def is_overdue(self, now: datetime) -> bool:
        """Return whether it is deleted now in any case."""
        return self.deadline is not None and self.deadline <= now


def schedule_robot_deletions(
    robot_accounts: Iterable[RobotAccount], departures: Iterable[Departure], retention: timedelta
) -> dict[tuple[str, int], RobotDeletion]:
    """Return the deletion of each superseded robot account, by registry and id.

    Args:
        robot_accounts: robot accounts on record.
        departures: departures on record.
        retention: how long a superseded robot account is kept after the roll-out of its successor:
            a node may have read the old secret and use it for a later pull.
    """
    rotation_times = {
        (departure.registry, departure.workspace): departure.rotated_at for departure in departures
    }
    by_workspace: dict[tuple[str, str], list[RobotAccount]] = defaultdict(list)
    for robot in sorted((robot for robot in robot_accounts if robot.workspace), key=_robot_age):
        by_workspace[robot.registry, robot.workspace].append(robot)
    return {
        (robot.registry, robot.robot_id): _schedule_robot_deletion(
            robot, group[index + 1 :], rotation_times.get(key), retention
        )
        for key, group in by_workspace.items()
        for index, robot in enumerate(group[:-1])
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
    """Return until when copied logins can be valid (UTC), if the registry is reachable."""
    return departure.due_at + retention if departure.due_at else None


def departure_rotations(
    robot_accounts: Iterable[RobotAccount], departures: Iterable[Departure], now: datetime
) -> frozenset[tuple[str, str]]:
    """Return the pairs (registry, workspace) to rotate now because a namespace left."""
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
    """Return the registries in which a robot account has to be created or deleted now."""
    account_list, departure_list = tuple(robot_accounts), tuple(departures)
    registries = {
        registry
        for (registry, _), deletion in schedule_robot_deletions(
            account_list, departure_list, retention
        ).items()
        if deletion.is_due(now)
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


def has_superseded_robots(
    robot_accounts: Iterable[RobotAccount], results: Iterable[ChangeResult]
) -> bool:
    """Return whether a workspace has more than one robot account after these changes.

    Args:
        robot_accounts: the robot accounts on record before the changes.
        results: results of the changes.
    """
    results = tuple(results)
    deleted_ids = {
        result.change.robot_id
        for result in results
        if result.succeeded and isinstance(result.change, DeleteRobot)
    }
    workspaces = [
        robot_account.workspace
        for robot_account in robot_accounts
        if robot_account.robot_id not in deleted_ids
    ]
    # A creation that failed may have saved its robot account before.
    workspaces += [
        result.change.workspace for result in results if isinstance(result.change, CreateRobot)
    ]
    return len(workspaces) > len(set(workspaces))


def _robot_age(robot_account: RobotAccount) -> tuple[datetime, int]:
    return robot_account.secret_created_at, robot_account.robot_id


def replacement_robots(robot_accounts: Iterable[RobotAccount]) -> tuple[RobotAccount, ...]:
    """Return the robot accounts in use whose predecessor is not deleted yet."""
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
) -> dict[str, frozenset[str]]:
    """Return the workspaces whose secret has reached `age`, by registry; None for no limit."""
    if age is None:
        return {}
    workspaces_by_registry: dict[str, set[str]] = defaultdict(set)
    for robot_account in current_robots(robot_accounts).values():
        if robot_account.workspace and now - robot_account.secret_created_at >= age:
            workspaces_by_registry[robot_account.registry].add(robot_account.workspace)
    return {name: frozenset(names) for name, names in sorted(workspaces_by_registry.items())}


def pending_rollouts(robot_accounts: Iterable[RobotAccount]) -> tuple[RobotAccount, ...]:
    """Return the replacement robot accounts that are not recorded as rolled out yet."""
    return tuple(
        robot for robot in replacement_robots(robot_accounts) if robot.rolled_out_at is None
    )


def newly_rolled_out(
    robot_accounts: Iterable[RobotAccount],
    namespaces: Iterable[Namespace],
    pull_secrets: Iterable[PullSecretStatus],
) -> tuple[RobotAccount, ...]:
    """Return the pending replacements that have reached every namespace of their workspace."""
    account_list = tuple(robot_accounts)
    rolled_out = fully_rolled_out(account_list, namespaces, tuple(pull_secrets))
    return tuple(
        robot
        for robot in pending_rollouts(account_list)
        if (robot.registry, robot.workspace) in rolled_out
    )


def fully_rolled_out(
    robot_accounts: Iterable[RobotAccount],
    namespaces: Iterable[Namespace],
    pull_secrets: Iterable[PullSecretStatus],
) -> frozenset[tuple[str, str]]:
    """Return the pairs (registry, workspace) whose newest robot account is rolled out.

    Namespaces that are terminating or have a foreign Secret in place of the pull secret do not
    count; namespaces in unreachable clusters do.
    """
    namespace_robots = robots_by_namespace(pull_secrets)
    robots_by_workspace: dict[str, list[frozenset[tuple[str, int | None]]]] = defaultdict(list)
    foreign = {
        (pull_secret.cluster, pull_secret.namespace)
        for pull_secret in pull_secrets
        if pull_secret.reason in FOREIGN_REASONS
    }
    for namespace in namespaces:
        key = namespace.cluster, namespace.name
        if namespace.workspace and not namespace.terminating and key not in foreign:
            robots_by_workspace[namespace.workspace].append(namespace_robots.get(key, frozenset()))
    return frozenset(
        key
        for key, robot_account in current_robots(robot_accounts).items()
        if all(
            (robot_account.registry, robot_account.robot_id) in robots
            for robots in robots_by_workspace[robot_account.workspace]
        )
    )


def robots_by_namespace(
    pull_secrets: Iterable[PullSecretStatus],
) -> dict[tuple[str, str], frozenset[tuple[str, int | None]]]:
    """Return the pairs (registry, robot id) on record for each (cluster, namespace)."""
    return {
        (pull_secret.cluster, pull_secret.namespace): frozenset(
            (login.registry, login.robot_id) for login in pull_secret.logins
        )
        for pull_secret in pull_secrets
    }


def blocked_robot_ids(
    pull_secrets: Iterable[PullSecretStatus],
    robot_accounts: Iterable[RobotAccount],
    namespaces: Iterable[Namespace],
) -> frozenset[int]:
    """Return the ids of a registry's robot accounts in pull secrets that cannot be written now.

    Those are the pull secrets with a login whose password is not known. A robot account of a
    workspace that the namespace has left is taken away, and not waited for.

    Args:
        pull_secrets: statuses on record.
        robot_accounts: robot accounts of the registry.
        namespaces: namespaces on record.
    """
    owners = {(robot.registry, robot.robot_id): robot.workspace for robot in robot_accounts}
    workspaces = {
        (namespace.cluster, namespace.name): namespace.workspace for namespace in namespaces
    }
    return frozenset(
        login.robot_id
        for pull_secret in pull_secrets
        if pull_secret.reason is Reason.CREDENTIALS_MISSING
        for login in pull_secret.logins
        if login.robot_id is not None
        and login.key in owners
        and owners[login.key] == workspaces.get((pull_secret.cluster, pull_secret.namespace))
    )


def deletion_remark(deleted: Iterable[DeleteRobot], at: datetime) -> str:
    """Return a message about pulls that may fail once, and about copied logins; may be empty.

    A superseded robot account with excess access, or with a possibly copied secret, is deleted
    before all nodes have stopped using its secret.

    Args:
        deleted: deletions of robot accounts.
        at: time of the deletions (UTC).
    """
    early = [
        change
        for change in deleted
        if change.reason is Reason.NAMESPACE_LEFT
        or (change.reason is Reason.SUPERSEDED and change.is_urgent)
    ]
    if not early:
        return ""
    departure_changes = [change for change in early if change.reason is Reason.NAMESPACE_LEFT]
    remark = (
        f"a pull that started with the previous login of {_join_workspaces(early)} may fail once "
        "and is retried by the node"
    )
    if departure_changes:
        remark += (
            f"; namespaces that left {_join_workspaces(departure_changes)} could pull with a "
            f"copied login until {at:%H:%M} UTC"
        )
    return remark


def summarize_departures(departures: Iterable[Departure], retention: timedelta) -> str:
    """Return a message about how long copied logins of namespaces that left are valid.

    Args:
        departures: departures on record.
        retention: longest time that a robot account with a possibly copied secret is kept.
    """
    latest: dict[str, datetime] = {}
    for departure in departures:
        end = copied_login_expiry(departure, retention)
        if end is not None:
            latest[departure.workspace] = max(end, latest.get(departure.workspace, end))
    return "; ".join(
        f"namespaces left {workspace}: its secrets are rotated, and copied logins expire at about "
        f"{end:%H:%M} UTC if the registry is reachable"
        for workspace, end in sorted(latest.items())
    )


def _join_workspaces(changes: Iterable[DeleteRobot]) -> str:
    return ", ".join(sorted({change.workspace for change in changes}))
