"""Roll-out of new robot account secrets."""

from datetime import datetime

from sqlmodel import Session

from models.access.rotation import fully_rolled_out, replacement_robots
from models.tables import RobotAccountRow
from tasks.store.access import clusters
from tasks.store.registries import registries, robots


def save_rolled_out(session: Session, now: datetime) -> None:
    """Save which replacement robot accounts have reached every namespace of their workspace."""
    robot_accounts = robots.list_robots(session)
    pending = [robot for robot in replacement_robots(robot_accounts) if robot.rolled_out_at is None]
    if not pending:
        return
    rolled_out = fully_rolled_out(
        robot_accounts, clusters.list_namespaces(session), clusters.list_pull_secrets(session)
    )
    for robot_account in sorted(
        pending, key=lambda robot_account: (robot_account.registry, robot_account.robot_id)
    ):
        if (robot_account.registry, robot_account.workspace) in rolled_out:
            registries.lock_row(session, robot_account.registry)
            row = session.get_one(RobotAccountRow, (robot_account.registry, robot_account.robot_id))
            row.rolled_out_at = now
            session.add(row)
