"""The audit: one page of entries, and all of them in parts for an export."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlmodel import Session, SQLModel

from models.overview.audit_list import AuditItem, AuditQuery
from models.overview.lists import ListPage
from tasks.store.lists.search import contains, read_page

_AUDIT = SQLModel.metadata.tables["audit"]
_RENAMED = {"action": "what", "registry": "registry_name", "cluster": "cluster_name"}
_RENAMED |= {"reason": "why"}
_COLUMNS = [_AUDIT.c[_RENAMED.get(name, name)].label(name) for name in AuditItem.model_fields]


def list_audit(session: Session, query: AuditQuery) -> ListPage[AuditItem]:
    """Return a page of audit entries, newest first."""
    rows, total = read_page(session, _select(query), query)
    return ListPage[AuditItem](
        items=tuple(map(_to_item, rows)), total=total, offset=query.offset, limit=query.limit
    )


def list_audit_before(
    session: Session, query: AuditQuery, before_id: int | None, limit: int
) -> tuple[AuditItem, ...]:
    """Return the next entries of an export, newest first; page and limit of the query are ignored.

    Args:
        before_id: id of the last entry of the part before; None for the first part.
        limit: largest number of entries.
    """
    statement = _select(query).limit(limit)
    if before_id is not None:
        statement = statement.where(_AUDIT.c.id < before_id)
    return tuple(map(_to_item, session.connection().execute(statement)))


def _select(query: AuditQuery) -> Select[*tuple[Any, ...]]:
    return select(*_COLUMNS).where(*_conditions(query)).order_by(_AUDIT.c.id.desc())


def _conditions(query: AuditQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        column == value
        for column, value in (
            (_AUDIT.c.registry_name, query.registry),
            (_AUDIT.c.workspace, query.workspace),
            (_AUDIT.c.cluster_name, query.cluster),
        )
        if value
    ]
    if query.kind:
        prefix = f"{query.kind}."
        conditions.append(func.substr(_AUDIT.c.what, 1, len(prefix)) == prefix)
    if query.actor:
        conditions.append(contains(query.actor, _AUDIT.c.actor))
    if query.since is not None:
        conditions.append(_AUDIT.c.at >= _start_of(query.since))
    if query.until is not None and query.until < date.max:
        conditions.append(_AUDIT.c.at < _start_of(query.until + timedelta(days=1)))
    if query.search:
        conditions.append(contains(query.search, _AUDIT.c.subject, _AUDIT.c.what, _AUDIT.c.why))
    return conditions


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _to_item(row: Row[Any]) -> AuditItem:
    return AuditItem.model_validate(row._asdict())
