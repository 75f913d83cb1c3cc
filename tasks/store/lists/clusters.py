"""The list of clusters, with the figures of their namespaces and pull secrets."""

from collections import defaultdict
from typing import Any

from sqlalchemy import ColumnElement, Table, func, select
from sqlmodel import Session, SQLModel, col

from models.clusters.cluster import Cluster, ClusterStatus
from models.clusters.pull_secret import PullSecretState
from models.discovery.managed_harbor import AdoptionState
from models.overview.cluster_list import ClusterItem
from models.overview.lists import ListPage, ListQuery
from models.tables import ClusterRow
from tasks.store.lists.search import contains, read_page

_TABLES = SQLModel.metadata.tables
_NAMESPACES, _SECRETS, _HARBORS = (
    _TABLES[name] for name in ("namespace", "delivery", "managed_harbor")
)
_CLUSTERS = _TABLES["cluster"]


def list_cluster_items(session: Session, query: ListQuery) -> ListPage[ClusterItem]:
    """Return a page of clusters, sorted by name; the search covers name and description."""
    statement = select(*_CLUSTERS.c).order_by(_CLUSTERS.c.name)
    if query.search:
        statement = statement.where(
            contains(query.search, col(ClusterRow.name), col(ClusterRow.description))
        )
    rows, total = read_page(session, statement, query)
    figures = _load_figures(session, [row.name for row in rows])
    items = [_to_item(row._asdict(), figures[row.name]) for row in rows]
    return ListPage[ClusterItem](
        items=tuple(items), total=total, offset=query.offset, limit=query.limit
    )


def get_cluster_item(session: Session, name: str) -> ClusterItem | None:
    """Return one cluster with its figures; None if there is none with this name."""
    statement = select(*_CLUSTERS.c).where(_CLUSTERS.c.name == name)
    row = session.connection().execute(statement).one_or_none()
    return _to_item(row._asdict(), _load_figures(session, [name])[name]) if row else None


def _to_item(row: dict[str, Any], figures: dict[str, Any]) -> ClusterItem:
    return ClusterItem(
        cluster=Cluster.model_validate({key: row[key] for key in Cluster.model_fields}),
        status=ClusterStatus.model_validate({key: row[key] for key in ClusterStatus.model_fields}),
        **figures,
    )


def _load_figures(session: Session, names: list[str]) -> dict[str, dict[str, Any]]:
    figures: dict[str, dict[str, Any]] = defaultdict(dict)
    counts: dict[str, ColumnElement[int]] = {
        "namespace_count": func.count(),
        "member_count": func.count(_NAMESPACES.c.workspace),
        "problem_count": func.count(_NAMESPACES.c.problem),
    }
    _add_counts(session, figures, _NAMESPACES, counts, names)
    status = _SECRETS.c.status
    counts = {
        "pull_secret_count": func.count(),
        "delivered_count": _count_equal(status, PullSecretState.DELIVERED),
        "refused_count": _count_equal(status, PullSecretState.REFUSED),
    }
    _add_counts(session, figures, _SECRETS, counts, names)
    query = (
        select(_HARBORS.c.cluster_name, _HARBORS.c.standing, func.count())
        .where(_HARBORS.c.cluster_name.in_(names))
        .group_by(_HARBORS.c.cluster_name, _HARBORS.c.standing)
    )
    for name, state, count in session.connection().execute(query):
        figures[name].setdefault("harbor_counts", {})[AdoptionState(state)] = count
    return figures


def _count_equal(column: ColumnElement[str], value: str) -> ColumnElement[int]:
    return func.count(func.nullif(column == value, False))


def _add_counts(
    session: Session,
    figures: dict[str, dict[str, Any]],
    table: Table,
    counts: dict[str, ColumnElement[int]],
    names: list[str],
) -> None:
    labelled = [count.label(label) for label, count in counts.items()]
    query = (
        select(table.c.cluster_name, *labelled)
        .where(table.c.cluster_name.in_(names))
        .group_by(table.c.cluster_name)
    )
    for row in session.connection().execute(query).mappings():
        figures[row["cluster_name"]].update({label: row[label] for label in counts})
