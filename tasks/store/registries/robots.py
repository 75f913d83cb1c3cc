"""Records of this installation's robot accounts, with their encrypted secrets."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlmodel import Session, col, delete, select, update

from models.registries.robots import RobotAccount
from models.tables import RobotAccountRow
from tasks.store.registries import registries
from tasks.store.upsert import upsert


def list_robots(
    session: Session, registry: str | None = None, workspaces: Collection[str] | None = None
) -> tuple[RobotAccount, ...]:
    """Return robot accounts, of one registry or of all, of these workspaces or of all."""
    query = select(RobotAccountRow).order_by(
        col(RobotAccountRow.registry_name), col(RobotAccountRow.robot_id)
    )
    if registry is not None:
        query = query.where(col(RobotAccountRow.registry_name) == registry)
    if workspaces is not None:
        query = query.where(col(RobotAccountRow.workspace).in_(workspaces))
    return tuple(
        RobotAccount(
            registry=row.registry_name,
            workspace=row.workspace,
            robot_id=row.robot_id,
            login=row.login,
            spaces=tuple(row.spaces),
            secret_created_at=row.made_at,
            created_at=row.created_at,
            rolled_out_at=row.rolled_out_at,
            proved_at=row.proved_at,
        )
        for row in session.exec(query)
    )


def save_robot(session: Session, robot_account: RobotAccount, ciphertext: str) -> None:
    """Save a robot account together with its encrypted secret."""
    registries.lock_row(session, robot_account.registry)
    upsert(session, RobotAccountRow, [_row_values(robot_account) | {"sealed": ciphertext}])


def update_robots(session: Session, registry: str, robot_accounts: Iterable[RobotAccount]) -> None:
    """Update what was observed of robot accounts; secrets are not changed."""
    for robot_account in robot_accounts:
        row = session.get(RobotAccountRow, (registry, robot_account.robot_id))
        if row is not None:
            row.login, row.spaces = robot_account.login, list(robot_account.spaces)
            row.created_at, row.proved_at = robot_account.created_at, robot_account.proved_at
            session.add(row)


def delete_robots(
    session: Session, registry: str, robot_ids: Iterable[int], observed_at: datetime | None = None
) -> None:
    """Delete the records of robot accounts.

    Args:
        observed_at: when they were observed to be gone (UTC); one that was saved since is kept,
            because a Harbor that was restored from a backup gives their ids again.
    """
    ids = list(robot_ids)
    if not ids:
        return
    conditions = [
        col(RobotAccountRow.registry_name) == registry,
        col(RobotAccountRow.robot_id).in_(ids),
    ]
    if observed_at is not None:
        conditions.append(col(RobotAccountRow.made_at) <= observed_at)
    session.exec(delete(RobotAccountRow).where(*conditions))


def save_rolled_out(
    session: Session, robot_accounts: Iterable[RobotAccount], now: datetime
) -> None:
    """Save that robot accounts have reached every namespace of their workspace."""
    for robot_account in sorted(robot_accounts, key=lambda robot: (robot.registry, robot.robot_id)):
        registries.lock_row(session, robot_account.registry)
        session.exec(
            update(RobotAccountRow)
            .where(
                col(RobotAccountRow.registry_name) == robot_account.registry,
                col(RobotAccountRow.robot_id) == robot_account.robot_id,
            )
            .values(rolled_out_at=now)
        )


def get_encrypted_secret(session: Session, robot_account: RobotAccount) -> str:
    """Return the encrypted secret of a robot account."""
    return session.get_one(RobotAccountRow, (robot_account.registry, robot_account.robot_id)).sealed


def encrypted_secrets(session: Session, registry: str | None = None) -> dict[tuple[str, int], str]:
    """Return encrypted secrets by registry and robot id, of one registry or of all."""
    query = select(RobotAccountRow)
    if registry is not None:
        query = query.where(col(RobotAccountRow.registry_name) == registry)
    return {(row.registry_name, row.robot_id): row.sealed for row in session.exec(query)}


def _row_values(robot_account: RobotAccount) -> dict[str, object]:
    return {
        "registry_name": robot_account.registry,
        "robot_id": robot_account.robot_id,
        "workspace": robot_account.workspace,
        "login": robot_account.login,
        "spaces": list(robot_account.spaces),
        "made_at": robot_account.secret_created_at,
        "created_at": robot_account.created_at,
        "rolled_out_at": robot_account.rolled_out_at,
        "proved_at": robot_account.proved_at,
    }
