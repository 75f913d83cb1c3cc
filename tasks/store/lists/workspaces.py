"""The list of workspaces, and what one workspace can pull from."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, distinct, func, select
from sqlmodel import Session, SQLModel, col

from models.access.binding import Workspace
from models.access.pull_user import pull_user_problem
from models.overview.items import WorkspaceItem
from models.overview.lists import ListPage, ListQuery, WorkspaceQuery, WorkspaceSort
from models.overview.views import BoundRegistry
from models.tables import BindingRow, NamespaceRow, WorkspaceRow
from tasks.store.lists.pending import is_pending, load_pending_rule
from tasks.store.lists.search import contains, read_page
from tasks.store.registries import registries, robots

_TABLE = SQLModel.metadata.tables["workspace"]
_NAMESPACE_COUNT = (
    select(func.count())
    .where(col(NamespaceRow.workspace) == _TABLE.c.name)
    .correlate(_TABLE)
    .scalar_subquery()
)
_SPACE_COUNT = (
    select(func.count())
    .where(col(BindingRow.workspace) == _TABLE.c.name)
    .correlate(_TABLE)
    .scalar_subquery()
)
_SORT_COLUMNS: Mapping[WorkspaceSort, ColumnElement[Any]] = {
    WorkspaceSort.NAME: _TABLE.c.name,
    WorkspaceSort.NAMESPACES: _NAMESPACE_COUNT,
    WorkspaceSort.SPACES: _SPACE_COUNT,
}


def list_workspaces(session: Session, query: WorkspaceQuery) -> ListPage[WorkspaceItem]:
    """Return a page of workspaces."""
    column = _SORT_COLUMNS[query.sort]
    statement = (
        select(_TABLE)
        .where(contains(query.search, _TABLE.c.name, _TABLE.c.description))
        .order_by(column.desc() if query.descending else column.asc(), _TABLE.c.name)
    )
    rows, total = read_page(session, statement, query)
    names = [row.name for row in rows]
    members, bound = _count_namespaces(session, names), _count_bindings(session, names)
    return ListPage[WorkspaceItem](
        items=tuple(
            WorkspaceItem(
                workspace=_to_workspace(row), **members.get(row.name, {}), **bound.get(row.name, {})
            )
            for row in rows
        ),
        total=total,
        offset=query.offset,
        limit=query.limit,
    )


def list_names(session: Session, query: ListQuery) -> tuple[str, ...]:
    """Return names of workspaces, sorted: at most a page of those that a search finds."""
    names = (
        select(col(WorkspaceRow.name))
        .where(contains(query.search, _TABLE.c.name))
        .order_by(_TABLE.c.name)
    )
    page = names.offset(query.offset).limit(query.limit)
    return tuple(session.connection().execute(page).scalars())


def list_bound_registries(session: Session, workspace: str) -> tuple[BoundRegistry, ...]:
    """Return the registries that a workspace is bound to or has a robot account in."""
    counts = (
        select(col(BindingRow.registry_name), func.count())
        .where(col(BindingRow.workspace) == workspace)
        .group_by(col(BindingRow.registry_name))
    )
    space_counts = {name: count for name, count in session.connection().execute(counts)}
    robot_accounts = robots.list_robots(session, workspaces=(workspace,))
    names = space_counts.keys() | {account.registry for account in robot_accounts}
    return tuple(
        BoundRegistry(
            registry=record.registry,
            space_count=space_counts.get(record.registry.name, 0),
            robots=tuple(
                account for account in robot_accounts if account.registry == record.registry.name
            ),
            pull_user_problem=pull_user_problem(record.conditions),
        )
        for record in registries.list_registries(session, names)
    )


def _to_workspace(row: Row[Any]) -> Workspace:
    return Workspace.model_validate(row._asdict() | {"clusters": row.clusters or ()})


def _count_namespaces(session: Session, names: Collection[str]) -> dict[str, dict[str, int]]:
    query: Select[*tuple[Any, ...]] = (
        select(
            col(NamespaceRow.workspace).label("workspace"),
            func.count().label("namespace_count"),
            func.count(distinct(col(NamespaceRow.cluster_name))).label("cluster_count"),
        )
        .where(col(NamespaceRow.workspace).in_(names))
        .group_by(col(NamespaceRow.workspace))
    )
    return _by_workspace(session, query)


def _count_bindings(session: Session, names: Collection[str]) -> dict[str, dict[str, int]]:
    pending = is_pending(session, load_pending_rule(session, workspaces=names))
    query: Select[*tuple[Any, ...]] = (
        select(
            col(BindingRow.workspace).label("workspace"),
            func.count().label("space_count"),
            func.count(distinct(col(BindingRow.registry_name))).label("registry_count"),
            func.sum(case((pending, 1), else_=0)).label("pending_count"),
        )
        .where(col(BindingRow.workspace).in_(names))
        .group_by(col(BindingRow.workspace))
    )
    return _by_workspace(session, query)


def _by_workspace(session: Session, query: Select[*tuple[Any, ...]]) -> dict[str, dict[str, int]]:
    counts = [row._asdict() for row in session.connection().execute(query)]
    return {row.pop("workspace"): row for row in counts}
