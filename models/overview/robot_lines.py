"""Robot accounts of a workspace as a page shows them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from models.access.rotation import current_robots, schedule_robot_deletions
from models.core.base import FrozenModel
from models.registries.robots import RobotAccount


class RobotLine(FrozenModel):
    """One robot account.

    Attributes:
        is_current: whether pull secrets get its login.
        deleted_at: when it is deleted (UTC); None if that is not known yet, or if it is in use.
    """

    login: str
    space_count: int
    secret_created_at: datetime
    is_current: bool
    deleted_at: datetime | None = None


def robot_lines(robots: Sequence[RobotAccount], retention: timedelta) -> tuple[RobotLine, ...]:
    """Return robot accounts of one workspace in one registry, the one in use first.

    Args:
        robots: the robot accounts.
        retention: how long a superseded robot account is kept.
    """
    current = set(_ids(current_robots(robots).values()))
    deletions = schedule_robot_deletions(robots, (), retention)
    lines = [
        RobotLine(
            login=robot.login,
            space_count=len(robot.spaces),
            secret_created_at=robot.secret_created_at,
            is_current=robot.robot_id in current,
            deleted_at=deletion.scheduled_at
            if (deletion := deletions.get((robot.registry, robot.robot_id)))
            else None,
        )
        for robot in robots
    ]
    return tuple(sorted(lines, key=lambda line: not line.is_current))


def _ids(robots: Iterable[RobotAccount]) -> Iterable[int]:
    return (robot.robot_id for robot in robots)
