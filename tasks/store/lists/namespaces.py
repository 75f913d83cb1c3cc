"""Lists of namespaces: with their pull secrets, refused ones, and options of pickers."""

from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, select, tuple_
from sqlmodel import Session, SQLModel, col

from models.clusters.membership import Namespace
from models.clusters.pull_secret import PullSecretState, PullSecretStatus
from models.overview.lists import ListPage, NamespaceQuery
from models.overview.views import WorkspaceNamespace
from models.tables import ListedNamespaceRow
from tasks.store.lists.search import contains, read_page

_NAMESPACES = SQLModel.metadata.tables["namespace"]
_SECRETS = SQLModel.metadata.tables["delivery"]
_PATH = _NAMESPACES.c.cluster_name + "/" + _NAMESPACES.c.name
_NEED = case(
    (_SECRETS.c.status == PullSecretState.REFUSED.value, 0),
    (_SECRETS.c.status == PullSecretState.PENDING.value, 1),
    (_SECRETS.c.status == PullSecretState.DELIVERED.value, 2),
    else_=3,
)
"""Namespaces whose pull secret needs attention are first."""


def list_namespaces(session: Session, query: NamespaceQuery) -> ListPage[WorkspaceNamespace]:
    """Return a page of namespaces with their pull secrets; those that need attention are first."""
    statement = (
        select(*_labelled("namespace", _NAMESPACES), *_labelled("secret", _SECRETS))
        .select_from(_NAMESPACES.outerjoin(_SECRETS, _is_secret_of_namespace()))
        .where(*_conditions(query))
        .order_by(_NEED, _NAMESPACES.c.cluster_name, _NAMESPACES.c.name)
    )
    rows, total = read_page(session, statement, query)
    return ListPage[WorkspaceNamespace](
        items=tuple(_to_item(row) for row in rows),
        total=total,
        offset=query.offset,
        limit=query.limit,
    )


def list_refused_namespaces(
    session: Session, workspace: str, query: NamespaceQuery
) -> ListPage[Namespace]:
    """Return a page of namespaces that are listed for a workspace but belong to none.

    Their `problem` and `message` say why.
    """
    listed = select(col(ListedNamespaceRow.cluster_name), col(ListedNamespaceRow.namespace)).where(
        col(ListedNamespaceRow.workspace) == workspace
    )
    key = tuple_(_NAMESPACES.c.cluster_name, _NAMESPACES.c.name)
    statement = (
        select(*_labelled("namespace", _NAMESPACES))
        .where(
            _NAMESPACES.c.problem.is_not(None), _NAMESPACES.c.workspace.is_(None), key.in_(listed)
        )
        .order_by(_NAMESPACES.c.cluster_name, _NAMESPACES.c.name)
    )
    rows, total = read_page(session, statement, query)
    return ListPage[Namespace](
        items=tuple(_to_namespace(row) for row in rows),
        total=total,
        offset=query.offset,
        limit=query.limit,
    )


def list_paths(session: Session, query: NamespaceQuery) -> tuple[str, ...]:
    """Return `cluster/namespace` of namespaces, sorted: at most a page of those that match."""
    statement: Select[*tuple[Any, ...]] = (
        select(_PATH)
        .where(*_conditions(query))
        .order_by(_NAMESPACES.c.cluster_name, _NAMESPACES.c.name)
        .offset(query.offset)
        .limit(query.limit)
    )
    return tuple(session.connection().execute(statement).scalars())


def list_listed_paths(session: Session, workspace: str) -> tuple[str, ...]:
    """Return `cluster/namespace` of the namespaces that are listed for a workspace, sorted."""
    rows = session.connection().execute(
        select(col(ListedNamespaceRow.cluster_name), col(ListedNamespaceRow.namespace))
        .where(col(ListedNamespaceRow.workspace) == workspace)
        .order_by(col(ListedNamespaceRow.cluster_name), col(ListedNamespaceRow.namespace))
    )
    return tuple(f"{cluster}/{namespace}" for cluster, namespace in rows)


def _conditions(query: NamespaceQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.search:
        conditions.append(contains(query.search, _PATH))
    if query.cluster is not None:
        conditions.append(_NAMESPACES.c.cluster_name == query.cluster)
    if query.workspace is not None:
        conditions.append(_NAMESPACES.c.workspace == query.workspace)
    return conditions


def _is_secret_of_namespace() -> ColumnElement[bool]:
    return and_(
        _SECRETS.c.cluster_name == _NAMESPACES.c.cluster_name,
        _SECRETS.c.namespace == _NAMESPACES.c.name,
    )


def _labelled(prefix: str, table: Any) -> list[ColumnElement[Any]]:  # noqa: ANN401 - any table
    return [column.label(f"{prefix}_{column.name}") for column in table.c]


def _fields(row: Row[Any], prefix: str) -> dict[str, Any]:
    start = f"{prefix}_"
    values = {
        name.removeprefix(start): value
        for name, value in row._asdict().items()
        if name.startswith(start)
    }
    return {**values, "cluster": values.pop("cluster_name")}


def _to_namespace(row: Row[Any]) -> Namespace:
    fields = _fields(row, "namespace")
    return Namespace.model_validate({key: fields[key] for key in Namespace.model_fields})


def _to_item(row: Row[Any]) -> WorkspaceNamespace:
    secret = None
    if row.secret_status is not None:
        fields = _fields(row, "secret")
        lists = {name: fields[name] or () for name in ("links", "repairs")}
        secret = PullSecretStatus.model_validate(
            {key: fields[key] for key in PullSecretStatus.model_fields} | lists
        )
    return WorkspaceNamespace(namespace=_to_namespace(row), pull_secret=secret)
