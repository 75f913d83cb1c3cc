"""Departures: namespaces left a workspace, and its robot accounts need a rotation."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from models.access.rotation import Departure
from models.registries.robots import RobotAccount
from models.tables import DepartureRow, RobotAccountRow
from tasks.store.registries import registries


def list_departures(session: Session, registry: str | None = None) -> tuple[Departure, ...]:
    """Return departures, of one registry or of all."""
    query = select(DepartureRow)
    if registry is not None:
        query = query.where(col(DepartureRow.registry_name) == registry)
    return tuple(
        Departure(
            registry=row.registry_name,
            workspace=row.workspace,
            left_at=row.left_at,
            rotated_at=row.rotated_at,
        )
        for row in session.exec(query)
    )


def save_departures(session: Session, workspaces: Collection[str], now: datetime) -> None:
    """Record that namespaces left these workspaces, for each of their robot accounts.

    Call it in the transaction that changes the membership: if the run is killed afterwards, the
    next run still does the rotation.
    """
    if not workspaces:
        return
    columns = col(RobotAccountRow.registry_name), col(RobotAccountRow.workspace)
    query = (
        select(*columns).where(col(RobotAccountRow.workspace).in_(sorted(workspaces))).distinct()
    )
    for registry, workspace in sorted(session.exec(query).all()):
        registries.lock_row(session, registry)
        row = session.get(DepartureRow, (registry, workspace)) or DepartureRow(
            registry_name=registry, workspace=workspace
        )
        row.left_at = row.left_at or now
        session.add(row)


def mark_rotated(session: Session, robot_account: RobotAccount) -> None:
    """Record that a new secret was created, which departed namespaces do not have."""
    row = session.get(DepartureRow, (robot_account.registry, robot_account.workspace))
    if row is not None and row.left_at is not None:
        row.left_at, row.rotated_at = None, robot_account.secret_created_at
        session.add(row)
