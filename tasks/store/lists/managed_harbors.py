"""Lists of managed Harbors."""

from sqlalchemy import case, select
from sqlmodel import Session, SQLModel

from models.discovery.managed_harbor import AdoptionState, ManagedHarborRecord
from models.overview.lists import ListPage, ListQuery
from tasks.store.access.managed_harbors import harbor_record
from tasks.store.lists.search import contains, read_page

_HARBORS = SQLModel.metadata.tables["managed_harbor"]
_NEED = case(
    (_HARBORS.c.standing == AdoptionState.CONFLICT.value, 0),
    (_HARBORS.c.standing == AdoptionState.UNCONFIRMED.value, 1),
    (_HARBORS.c.standing == AdoptionState.UNTRUSTED.value, 2),
    (_HARBORS.c.standing == AdoptionState.WAITING.value, 3),
    (_HARBORS.c.standing == AdoptionState.MISSING.value, 4),
    else_=5,
)
"""Harbors that need a decision are first."""


def list_harbors(session: Session, query: ListQuery, cluster: str) -> ListPage[ManagedHarborRecord]:
    """Return a page of the managed Harbors of a cluster; those that need a decision are first."""
    statement = (
        select(*_HARBORS.c)
        .where(_HARBORS.c.cluster_name == cluster)
        .order_by(_NEED, _HARBORS.c.namespace, _HARBORS.c.name)
    )
    if query.search:
        columns = _HARBORS.c.namespace, _HARBORS.c.name, _HARBORS.c.registry_name
        statement = statement.where(contains(query.search, *columns))
    rows, total = read_page(session, statement, query)
    return ListPage[ManagedHarborRecord](
        items=tuple(map(harbor_record, rows)),
        total=total,
        offset=query.offset,
        limit=query.limit,
    )
