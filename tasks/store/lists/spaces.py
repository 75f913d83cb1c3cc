"""The list of spaces of one registry."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Row, UnaryExpression, and_, func, or_, select
from sqlmodel import Session, SQLModel, col

from models.overview.items import SpaceItem
from models.overview.lists import ListPage, SpaceQuery, SpaceSort, SpaceState
from models.overview.overview import SpaceStatistics
from models.registries.space import Space
from models.tables import BindingRow, SpaceRow
from tasks.store.lists.search import contains, read_page
from tasks.store.registries.registries import to_coverage
from tasks.store.registries.statistics import effective_visibility

_TABLE = SQLModel.metadata.tables["space"]
_SPACE_FIELDS = tuple(Space.model_fields)
_BINDING_COUNT = (
    select(func.count())
    .where(
        col(BindingRow.registry_name) == col(SpaceRow.registry_name),
        col(BindingRow.space) == col(SpaceRow.name),
    )
    .correlate(_TABLE)
    .scalar_subquery()
)
_EXISTS = col(SpaceRow.missing_since).is_(None) & col(SpaceRow.declared).is_(False)
_DESIRED, _OBSERVED = col(SpaceRow.desired), col(SpaceRow.observed)
_STATE_CONDITIONS: Mapping[SpaceState, ColumnElement[bool]] = {
    SpaceState.MISSING: col(SpaceRow.missing_since).is_not(None),
    SpaceState.NOT_CREATED: and_(
        col(SpaceRow.missing_since).is_(None), col(SpaceRow.declared).is_(True)
    ),
    SpaceState.NOT_MANAGED: and_(_EXISTS, _DESIRED.is_(None)),
    SpaceState.DRIFTED: and_(_EXISTS, _DESIRED != _OBSERVED),
    SpaceState.IN_SYNC: and_(
        _EXISTS, _DESIRED.is_not(None), or_(_OBSERVED.is_(None), _DESIRED == _OBSERVED)
    ),
}
"""The same as `space_state` decides for one space."""

_SORT_COLUMNS: Mapping[SpaceSort, ColumnElement[Any]] = {
    SpaceSort.NAME: _TABLE.c.name,
    SpaceSort.STORAGE: _TABLE.c.storage_used,
    SpaceSort.REPOSITORIES: _TABLE.c.repositories,
    SpaceSort.BINDINGS: _BINDING_COUNT,
}


def list_spaces(session: Session, registry: str, query: SpaceQuery) -> ListPage[SpaceItem]:
    """Return a page of the spaces of a registry."""
    statement = (
        select(_TABLE, _BINDING_COUNT.label("binding_count"))
        .where(col(SpaceRow.registry_name) == registry, *_conditions(query))
        .order_by(_sort_order(query), col(SpaceRow.name))
    )
    rows, total = read_page(session, statement, query)
    return ListPage[SpaceItem](
        items=tuple(_to_item(row) for row in rows),
        total=total,
        offset=query.offset,
        limit=query.limit,
    )


def list_space_names(
    session: Session, registry: str, query: SpaceQuery, limit: int
) -> tuple[str, ...]:
    """Return the names of all spaces that a query finds on any of its pages, sorted.

    Args:
        session: the transaction.
        registry: name of the registry.
        query: search and filters; its page does not matter.
        limit: largest number of names.
    """
    names = (
        select(_TABLE.c.name)
        .where(col(SpaceRow.registry_name) == registry, *_conditions(query))
        .order_by(_TABLE.c.name)
        .limit(limit)
    )
    return tuple(session.connection().execute(names).scalars())


def _conditions(query: SpaceQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.search:
        conditions.append(contains(query.search, col(SpaceRow.name)))
    if query.visibility is not None:
        conditions.append(effective_visibility() == query.visibility.value)
    if query.state is not None:
        conditions.append(_STATE_CONDITIONS[query.state])
    if query.is_bound is not None:
        conditions.append((_BINDING_COUNT > 0) if query.is_bound else (_BINDING_COUNT == 0))
    return conditions


def _sort_order(query: SpaceQuery) -> UnaryExpression[Any]:
    column = _SORT_COLUMNS[query.sort]
    order = column.desc() if query.descending else column.asc()
    return order if query.sort is SpaceSort.NAME else order.nulls_last()  # the key has an index


def _to_item(row: Row[Any]) -> SpaceItem:
    values = row._mapping
    statistics = SpaceStatistics(
        space=Space(**{name: values[name] for name in _SPACE_FIELDS}),
        storage_used=values["storage_used"],
        storage_limit=values["storage_limit"],
        storage_coverage=to_coverage(values["storage_counted"], values["storage_tags"]),
    )
    return SpaceItem(statistics=statistics, binding_count=values["binding_count"])
