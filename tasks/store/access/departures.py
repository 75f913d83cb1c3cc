"""Departures: namespaces left a workspace, and its robot accounts need a rotation."""

from collections.abc import Callable, Collection

from sqlmodel import Session, col, select

from models.access.rotation import Departure
from models.tables import DepartureRow, RobotAccountRow
from tasks.store.registries import registries


def list_departures(session: Session, registry: str | None = None) -> tuple[Departure, ...]:
    """Return departures, of one registry or of all."""
    query = select(DepartureRow)
    if registry is not None:
        query = query.where(col(DepartureRow.registry_name) == registry)
    return tuple(_to_departure(row) for row in session.exec(query))


def update_departures(
    session: Session,
    workspaces: Collection[str],
    update: Callable[[Departure], Departure],
    registry: str | None = None,
) -> None:
    """Update the departure of each robot account of these workspaces; create missing ones.

    Args:
        session: the transaction that changes the membership or the secret: if the run is killed
            afterwards, the next run still does the rotation.
        workspaces: names of workspaces.
        update: returns the new departure. No other run changes it until the transaction ends.
        registry: only robot accounts of this registry; None for all.
    """
    columns = col(RobotAccountRow.registry_name), col(RobotAccountRow.workspace)
    query = select(*columns).where(col(RobotAccountRow.workspace).in_(sorted(workspaces)))
    if registry is not None:
        query = query.where(col(RobotAccountRow.registry_name) == registry)
    keys = sorted(session.exec(query.distinct()).all()) if workspaces else []
    for name, workspace in keys:
        registries.lock_row(session, name)
        row = session.get(DepartureRow, (name, workspace))
        before = _to_departure(row) if row else Departure(registry=name, workspace=workspace)
        after = update(before)
        if after != before:
            row = row or DepartureRow(registry_name=name, workspace=workspace)
            row.left_at, row.rotated_at = after.left_at, after.rotated_at
            session.add(row)


def _to_departure(row: DepartureRow) -> Departure:
    return Departure(
        registry=row.registry_name,
        workspace=row.workspace,
        left_at=row.left_at,
        rotated_at=row.rotated_at,
    )
