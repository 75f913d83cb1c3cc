"""Decide whether a Harbor is the one on record: by our robot accounts in it, never by its names.

A robot account's id comes from a sequence of Harbor's database and its creation time from Harbor's
clock, to the millisecond; no change of the account moves either. An address, a Deployment's uid and
the names of accounts and projects can be the same in another Harbor.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum

from models.core.availability import Seen, Unseen
from models.core.base import Value
from models.registries.robots import Grant, ObservedRobot


class Likeness(StrEnum):
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


class Comparison(Value):
    """Robot accounts on record, held against those that a Harbor shows.

    Attributes:
        recorded: how many are on record.
        dated: how many of those with their creation time.
        present: how many of those the Harbor shows, with the same id and creation time.
        contradicted: how many the Harbor shows with the same id and another creation time.
    """

    recorded: int
    dated: int
    present: int
    contradicted: int

    @property
    def likeness(self) -> Likeness:
        """What it means."""
        if not self.recorded:
            return Likeness.NO_RECORD
        if 2 * self.present > self.dated:
            return Likeness.SAME
        return Likeness.OTHER if self.dated and not self.present else Likeness.UNDECIDED


def compare(grants: Iterable[Grant], robots: Iterable[ObservedRobot]) -> Comparison:
    """Hold the robot accounts on record of one registry against those that a Harbor shows."""
    shown = {robot.id: robot.created_at for robot in robots}
    recorded = tuple(grants)
    dated = [one for one in recorded if one.created_at is not None]
    present = sum(shown.get(one.robot_id) == one.created_at for one in dated)
    both = sum(shown.get(one.robot_id) is not None for one in dated)
    return Comparison(
        recorded=len(recorded), dated=len(dated), present=present, contradicted=both - present
    )


def contradictions(grants: Iterable[Grant], robots: Iterable[ObservedRobot]) -> frozenset[int]:
    """Return the ids on record that belong to robot accounts created at another time."""
    shown = {robot.id: robot.created_at for robot in robots}
    return frozenset(
        one.robot_id
        for one in grants
        if one.created_at is not None and shown.get(one.robot_id) not in (None, one.created_at)
    )


def is_other_harbor(grants: Iterable[Grant], robots: Iterable[ObservedRobot]) -> bool:
    """Whether another Harbor has taken a registry's place behind its address.

    That accounts are missing proves nothing, since people delete them; an id that was given to
    another account does, as long as no account on record is there.
    """
    found = compare(grants, robots)
    return found.contradicted > 0 and found.present == 0


def registry_of_robots(
    robots: Seen[ObservedRobot] | Unseen, grants: Iterable[Grant], name: str
) -> str:
    """Return the registry on record, other than `name`, whose Harbor this is; empty if none is.

    Args:
        robots: those with our mark that the Harbor shows.
        grants: all on record.
    """
    if isinstance(robots, Unseen):
        return ""
    shown = {(robot.id, robot.created_at) for robot in robots.items if robot.created_at}
    owners = {
        grant.registry
        for grant in grants
        if grant.registry != name and (grant.robot_id, grant.created_at) in shown
    }
    return min(owners, default="")


def own_robots(
    robots: Iterable[ObservedRobot], grants: Iterable[Grant], others: Collection[str]
) -> tuple[ObservedRobot, ...]:
    """Return the robot accounts that are this registry's to change.

    One whose mark names another registry on record is that registry's: both may be addresses of
    one Harbor. One whose mark names a registry that is not on record any more was left behind.

    Args:
        grants: on record of this registry; what a mark says of those does not matter.
        others: names of the other registries on record.
    """
    recorded = {(grant.robot_id, grant.created_at) for grant in grants}
    return tuple(
        robot
        for robot in robots
        if robot.mark.registry not in others or (robot.id, robot.created_at) in recorded
    )
