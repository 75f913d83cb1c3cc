"""Audit log. Entries are written in the same transaction as the change they describe."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, and_, insert, not_
from sqlmodel import Session, SQLModel, col, delete, select, update

from models.core.audit import AuditEntry
from models.core.runs.context import RunContext
from models.core.runs.counters import CounterKey, CounterName
from models.tables import AuditRow
from tasks.store.session import count_after_commit

_TABLE = SQLModel.metadata.tables["audit"]


def append(
    session: Session, registry: str, entries: Iterable[AuditEntry], context: RunContext
) -> None:
    """Append entries; `pending_events` returns those to send as events.

    Args:
        session: the transaction of the change.
        registry: name of the registry that the entries are about; empty if none.
        entries: the entries.
        context: the run that made the change.
    """
    rows = [
        {
            "at": context.now,
            "registry_name": registry,
            "cluster_name": entry.cluster,
            "workspace": entry.workspace,
            "subject": entry.subject,
            "what": entry.action,
            "before": entry.before,
            "after": entry.after,
            "why": entry.reason,
            "flow_run": context.flow_run,
            "actor": str(context.actor),
            "event": entry.action if entry.emit_event else None,
        }
        for entry in entries
    ]
    if rows:  # one statement instead of one object per row: a change can have 50,000 bindings
        session.connection().execute(insert(_TABLE), rows)
        count_after_commit(
            session,
            Counter(CounterKey(CounterName.AUDIT, str(row["what"])) for row in rows),
        )


def pending_events(session: Session, limit: int = 500) -> list[AuditRow]:
    """Return up to `limit` entries whose event was not sent yet, oldest first."""
    return list(
        session.exec(select(AuditRow).where(_is_pending()).order_by(col(AuditRow.id)).limit(limit))
    )


def mark_sent(session: Session, ids: Iterable[int], now: datetime) -> None:
    """Mark the events of these entries as sent."""
    session.exec(update(AuditRow).where(col(AuditRow.id).in_(list(ids))).values(announced_at=now))


def mark_rejected(session: Session, reasons: Mapping[int, str]) -> None:
    """Mark the events of entries as rejected; they are never sent. `reasons` is by entry id."""
    for id_, why in reasons.items():
        session.exec(update(AuditRow).where(col(AuditRow.id) == id_).values(rejected=why))


def prune(session: Session, before: datetime, limit: int) -> int:
    """Delete up to `limit` entries older than `before`, and return how many were deleted.

    Entries with a pending event are kept.
    """
    old = (
        select(AuditRow.id)
        .where(col(AuditRow.at) < before, not_(_is_pending()))
        .order_by(col(AuditRow.at))
        .limit(limit)
    )
    return session.exec(delete(AuditRow).where(col(AuditRow.id).in_(old))).rowcount


def _is_pending() -> ColumnElement[bool]:
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
    limit: int = 50,
) -> list[AuditRow]:
    """Return the latest entries of a registry, a cluster or a workspace, newest first."""
    query = select(AuditRow).order_by(col(AuditRow.id).desc()).limit(limit)
    for column, name in (
        (AuditRow.registry_name, registry),
        (AuditRow.cluster_name, cluster),
        (AuditRow.workspace, workspace),
    ):
        if name:
            query = query.where(col(column) == name)
    return list(session.exec(query))
