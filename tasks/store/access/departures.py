"""Namespaces that left a workspace, until its robot accounts are replaced because of it."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from models.access.rotation import Departure
from models.registries.robots import Grant
from models.tables import DepartureRow, GrantRow
from tasks.store.registries import registries


def departures(session: Session, registry: str | None = None) -> tuple[Departure, ...]:
    """Return the departures on record, of one registry or of all."""
    asked = select(DepartureRow)
    if registry is not None:
        asked = asked.where(col(DepartureRow.registry_name) == registry)
    return tuple(
        Departure(
            registry=row.registry_name,
            workspace=row.workspace,
            left_at=row.left_at,
            rotated_at=row.rotated_at,
        )
        for row in session.exec(asked)
    )


def record(session: Session, workspaces: Collection[str], at: datetime) -> None:
    """Note that namespaces left workspaces, wherever those have a robot account.

    It belongs into the transaction that changes who belongs to them: a run that is killed right
    after it leaves the rest to the next.
    """
    if not workspaces:
        return
    columns = col(GrantRow.registry_name), col(GrantRow.workspace)
    concerned = select(*columns).where(col(GrantRow.workspace).in_(sorted(workspaces))).distinct()
    for registry, workspace in sorted(session.exec(concerned).all()):
        registries.locked(session, registry)
        row = session.get(DepartureRow, (registry, workspace)) or DepartureRow(
            registry_name=registry, workspace=workspace
        )
        row.left_at = row.left_at or at
        session.add(row)


def answer(session: Session, grant: Grant) -> None:
    """Note that a new secret was made, which nobody who left before can know."""
    row = session.get(DepartureRow, (grant.registry, grant.workspace))
    if row is not None and row.left_at is not None:
        row.left_at, row.rotated_at = None, grant.made_at
        session.add(row)
