"""Identify a Harbor instance by the robot accounts of this installation, never by names.

The id of a robot account comes from a sequence in Harbor's database, and its creation time from
Harbor's clock, with millisecond precision; updates change neither. An address, the uid of a
Deployment, and the names of accounts and projects can be equal in another Harbor instance.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum

from models.core.availability import Complete, Unavailable
from models.core.base import FrozenModel
from models.registries.robots import ObservedRobot, RobotAccount


class IdentityMatch(StrEnum):
    """Whether a Harbor is the instance on record.

    Attributes:
        SAME: most of the robot accounts on record exist.
        OTHER: none of the robot accounts on record exists.
        UNDECIDED: few of them exist, or their creation times are not on record.
        NO_RECORD: no robot account is on record, so there is nothing to compare.
    """

    SAME = "same"
    OTHER = "other"
    UNDECIDED = "undecided"
    NO_RECORD = "no-record"


class IdentityComparison(FrozenModel):
    """The comparison of robot accounts on record with the observed ones.

    Attributes:
        recorded_count: number of robot accounts on record.
        dated_count: number of those with a creation time on record.
        present_count: number of dated ones observed with the same id and creation time.
        contradicting_count: number of dated ones observed with the same id and another creation
            time.
    """

    recorded_count: int
    dated_count: int
    present_count: int
    contradicting_count: int

    @property
    def match(self) -> IdentityMatch:
        """The conclusion from the numbers."""
        if not self.recorded_count:
            return IdentityMatch.NO_RECORD
        if 2 * self.present_count > self.dated_count:
            return IdentityMatch.SAME
        return (
            IdentityMatch.OTHER
            if self.dated_count and not self.present_count
            else IdentityMatch.UNDECIDED
        )


def compare_robots(
    robot_accounts: Iterable[RobotAccount], robots: Iterable[ObservedRobot]
) -> IdentityComparison:
    """Compare the robot accounts on record for one registry with the observed ones."""
    created_at_by_id = {robot.id: robot.created_at for robot in robots}
    recorded = tuple(robot_accounts)
    dated = [robot_account for robot_account in recorded if robot_account.created_at is not None]
    present_count = sum(
        created_at_by_id.get(account.robot_id) == account.created_at for account in dated
    )
    common_count = sum(
        created_at_by_id.get(robot_account.robot_id) is not None for robot_account in dated
    )
    return IdentityComparison(
        recorded_count=len(recorded),
        dated_count=len(dated),
        present_count=present_count,
        contradicting_count=common_count - present_count,
    )


def contradicting_robot_ids(
    robot_accounts: Iterable[RobotAccount], robots: Iterable[ObservedRobot]
) -> frozenset[int]:
    """Return the ids on record that now belong to a robot account with another creation time."""
    created_at_by_id = {robot.id: robot.created_at for robot in robots}
    return frozenset(
        robot_account.robot_id
        for robot_account in robot_accounts
        if robot_account.created_at is not None
        and created_at_by_id.get(robot_account.robot_id) not in (None, robot_account.created_at)
    )


def is_other_harbor(
    robot_accounts: Iterable[RobotAccount], robots: Iterable[ObservedRobot]
) -> bool:
    """Return whether another Harbor instance responds at the registry's address.

    Missing robot accounts are no evidence, because users can delete them. An id that belongs to
    another account is evidence, if no account on record exists.
    """
    comparison = compare_robots(robot_accounts, robots)
    return comparison.contradicting_count > 0 and comparison.present_count == 0


def find_registry_by_robots(
    robots: Complete[ObservedRobot] | Unavailable, robot_accounts: Iterable[RobotAccount], name: str
) -> str:
    """Return the name of another registry on record that is this Harbor; empty if there is none.

    Args:
        robots: observed robot accounts with the mark of this installation.
        robot_accounts: all robot accounts on record.
        name: name of the registry that is excluded from the search.
    """
    if isinstance(robots, Unavailable):
        return ""
    observed_keys = {(robot.id, robot.created_at) for robot in robots.items if robot.created_at}
    owners = {
        account.registry
        for account in robot_accounts
        if account.registry != name and (account.robot_id, account.created_at) in observed_keys
    }
    return min(owners, default="")


def own_robots(
    robots: Iterable[ObservedRobot],
    robot_accounts: Iterable[RobotAccount],
    other_registries: Collection[str],
) -> tuple[ObservedRobot, ...]:
    """Return the observed robot accounts that belong to this registry.

    A robot account whose mark contains another registry on record belongs to that registry: two
    registries can be addresses of one Harbor. One whose mark contains a registry that is no longer
    on record is an orphan, and belongs to this registry.

    Args:
        robots: observed robot accounts with the mark of this installation.
        robot_accounts: robot accounts on record for this registry; their marks do not matter.
        other_registries: names of the other registries on record.
    """
    recorded = {(account.robot_id, account.created_at) for account in robot_accounts}
    return tuple(
        robot
        for robot in robots
        if robot.mark.registry not in other_registries or (robot.id, robot.created_at) in recorded
    )
