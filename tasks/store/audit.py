"""The audit: written with what it speaks of, in the same transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, and_, insert, not_
from sqlmodel import Session, SQLModel, col, delete, select, update

from models.core.audit import Entry
from models.tables import AuditRow

_TABLE = SQLModel.metadata.tables["audit"]


def write(
    session: Session, registry: str, entries: Iterable[Entry], *, at: datetime, flow_run: str
) -> None:
    """Append entries; those to be announced wait for `unannounced`.

    Args:
        registry: whom they are about; empty if no registry is.
    """
    rows = [
        {
            "at": at,
            "registry_name": registry,
            "cluster_name": entry.cluster,
            "workspace": entry.workspace,
            "subject": entry.subject,
            "what": entry.what,
            "before": entry.before,
            "after": entry.after,
            "why": entry.why,
            "flow_run": flow_run,
            "event": entry.what if entry.announce else None,
        }
        for entry in entries
    ]
    if rows:  # not one object each: people bind 50,000 at once
        session.connection().execute(insert(_TABLE), rows)


def unannounced(session: Session, most: int = 500) -> list[AuditRow]:
    """Return entries whose event was not sent yet, oldest first."""
    return list(
        session.exec(select(AuditRow).where(_is_waiting()).order_by(col(AuditRow.id)).limit(most))
    )


def mark_announced(session: Session, ids: Iterable[int], at: datetime) -> None:
    """Note that the events of these entries were sent."""
    session.exec(update(AuditRow).where(col(AuditRow.id).in_(list(ids))).values(announced_at=at))


def mark_rejected(session: Session, reasons: Mapping[int, str]) -> None:
    """Note why the events of some entries, by id, are not sent and never will be."""
    for id_, why in reasons.items():
        session.exec(update(AuditRow).where(col(AuditRow.id) == id_).values(rejected=why))


def prune(session: Session, before: datetime, most: int) -> int:
    """Delete entries that are older, at most so many, and return how many were.

    An event that is still to be sent keeps its entry, however old that is.
    """
    old = (
        select(AuditRow.id)
        .where(col(AuditRow.at) < before, not_(_is_waiting()))
        .order_by(col(AuditRow.at))
        .limit(most)
    )
    return session.exec(delete(AuditRow).where(col(AuditRow.id).in_(old))).rowcount


def _is_waiting() -> ColumnElement[bool]:
    return and_(
        col(AuditRow.event).is_not(None),
        col(AuditRow.announced_at).is_(None),
        col(AuditRow.rejected) == "",
    )


def history(
    session: Session,
    registry: str = "",
    *,
    cluster: str = "",
    workspace: str = "",
    most: int = 50,
) -> list[AuditRow]:
    """Return what last happened to a registry, a cluster or a workspace, newest first."""
    asked = select(AuditRow).order_by(col(AuditRow.id).desc()).limit(most)
    for column, name in (
        (AuditRow.registry_name, registry),
        (AuditRow.cluster_name, cluster),
        (AuditRow.workspace, workspace),
    ):
        if name:
            asked = asked.where(col(column) == name)
    return list(session.exec(asked))
