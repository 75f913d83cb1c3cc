"""Pages of the audit log of one registry or one workspace."""

from sqlalchemy import func
from sqlmodel import Session, col, select

from models.overview.lists import ListPage, ListQuery
from models.tables import AuditRow
from tasks.store.lists.search import contains


def list_history(
    session: Session,
    query: ListQuery,
    *,
    registry: str = "",
    workspace: str = "",
    with_event: bool = False,
) -> ListPage[AuditRow]:
    """Return a page of audit entries, newest first.

    Args:
        session: the transaction.
        query: page and search; the search covers subject, action and reason.
        registry, workspace: name of the registry or the workspace; empty for all.
        with_event: only entries that are sent as events.
    """
    conditions = []
    if registry:
        conditions.append(col(AuditRow.registry_name) == registry)
    if workspace:
        conditions.append(col(AuditRow.workspace) == workspace)
    if with_event:
        conditions.append(col(AuditRow.event).is_not(None))
    if query.search:
        searched = col(AuditRow.subject), col(AuditRow.what), col(AuditRow.why)
        conditions.append(contains(query.search, *searched))
    rows = session.exec(
        select(AuditRow)
        .where(*conditions)
        .order_by(col(AuditRow.id).desc())
        .offset(query.offset)
        .limit(query.limit)
    ).all()
    count = session.exec(select(func.count()).select_from(AuditRow).where(*conditions)).one()
    return ListPage[AuditRow](
        items=tuple(rows), total=count, offset=query.offset, limit=query.limit
    )
