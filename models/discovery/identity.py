"""Decide whether a Harbor is the one on record: by our robot accounts in it, never by its names.

A robot account's id comes from a sequence of Harbor's database and its creation time from Harbor's
clock, to the millisecond; no change of the account moves either. An address, a Deployment's uid and
the names of accounts and projects can be the same in another Harbor.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum

from models.core.availability import Complete, Unavailable
from models.core.base import FrozenModel
from models.registries.robots import ObservedRobot, RobotAccount


class IdentityMatch(StrEnum):
    """What our robot accounts say about a Harbor.

    Attributes:
        SAME: most of those on record are there.
        OTHER: none of those on record is there.
        UNDECIDED: few are there, or it is not on record when they were created.
        NO_RECORD: none is on record, so there is nothing to compare with.
    """

    SAME = "same"
    OTHER = "other"
    UNDECIDED = "undecided"
    NO_RECORD = "no-record"


class IdentityComparison(FrozenModel):
    """Robot accounts on record, held against those that a Harbor shows.

    Attributes:
        recorded_count: how many are on record.
        dated_count: how many of those with their creation time.
        present_count: how many of those the Harbor shows, with the same id and creation time.
        contradicting_count: how many the Harbor shows with the same id and another creation time.
    """

    recorded_count: int
    dated_count: int
    present_count: int
    contradicting_count: int

    @property
    def match(self) -> IdentityMatch:
        """What it means."""
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
    """Hold the robot accounts on record of one registry against those that a Harbor shows."""
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
    """Return the ids on record that belong to robot accounts created at another time."""
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
    """Whether another Harbor has taken a registry's place behind its address.

    That accounts are missing proves nothing, since people delete them; an id that was given to
    another account does, as long as no account on record is there.
    """
    comparison = compare_robots(robot_accounts, robots)
    return comparison.contradicting_count > 0 and comparison.present_count == 0


def find_registry_by_robots(
    robots: Complete[ObservedRobot] | Unavailable, robot_accounts: Iterable[RobotAccount], name: str
) -> str:
    """Return the registry on record, other than `name`, whose Harbor this is; empty if none is.

    Args:
        robots: those with our mark that the Harbor shows.
        robot_accounts: all on record.
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
    """Return the robot accounts that are this registry's to change.

    One whose mark names another registry on record is that registry's: both may be addresses of
    one Harbor. One whose mark names a registry that is not on record any more was left behind.

    Args:
        robot_accounts: on record of this registry; what a mark says of those does not matter.
        other_registries: names of the other registries on record.
    """
    recorded = {(account.robot_id, account.created_at) for account in robot_accounts}
    return tuple(
        robot
        for robot in robots
        if robot.mark.registry not in other_registries or (robot.id, robot.created_at) in recorded
    )
