"""Data for pages about access, read in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy
from pydantic import TypeAdapter
from sqlalchemy import Select
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from models.access.binding import Binding
from models.clusters.cluster import ClusterStatus
from models.overview.views import AccessFacts
from models.registries.space import Space
from models.tables import AuditRow, BindingRow, ChangeResultRow, ClusterRow, SpaceRow
from tasks.store.access import clusters, workspaces
from tasks.store.registries import registries, robots

_HISTORY = 20
_ROBOT_CHANGE_KINDS = ("make-grant", "edit-grant")
_BINDINGS_ADAPTER = TypeAdapter(tuple[Binding, ...])
_STATUS_FIELDS = set(ClusterStatus.model_fields)


def load_workspace_facts(
    session: Session, names: Collection[str] | None, now: datetime
) -> AccessFacts:
    """Return the access facts of these workspaces, or of all; unknown names are ignored."""
    all_workspaces = workspaces.list_workspaces(session)
    selected_workspaces = tuple(
        workspace for workspace in all_workspaces if names is None or workspace.name in names
    )
    bindings = (
        _list_bindings(session, col(BindingRow.workspace), names) if selected_workspaces else ()
    )
    facts = AccessFacts(
        at=now,
        workspaces=selected_workspaces,
        bindings=bindings,
        robots=robots.list_robots(session),
        listed=workspaces.list_listed_namespaces(session) if selected_workspaces else {},
    )
    return _with_details(session, facts) if selected_workspaces else facts


def load_registry_facts(session: Session, names: Collection[str], now: datetime) -> AccessFacts:
    """Return the access facts of these registries."""
    bindings = _list_bindings(session, col(BindingRow.registry_name), names)
    robot_accounts = tuple(
        robot for robot in robots.list_robots(session) if robot.registry in names
    )
    facts = AccessFacts(at=now, bindings=bindings, robots=robot_accounts)
    return _with_details(session, facts) if bindings else facts


def _with_details(session: Session, facts: AccessFacts) -> AccessFacts:
    updates = {
        "history": _list_history(session, [workspace.name for workspace in facts.workspaces]),
        "registries": registries.list_registries(session),
        "spaces": _list_bound_spaces(session),
        "namespaces": clusters.list_namespaces(session),
        "pull_secrets": clusters.list_pull_secrets(session),
        "cluster_statuses": _list_cluster_statuses(session),
        "robot_failures": list_robot_failures(session),
    }
    return facts.model_copy(update=updates)


def _list_bindings(
    session: Session, column: Mapped[str], names: Collection[str] | None
) -> tuple[Binding, ...]:
    # Plain rows instead of ORM objects: there can be 50,000 bindings.
    query: Select[*tuple[Any, ...]] = sqlalchemy.select(
        col(BindingRow.registry_name).label("registry"),
        col(BindingRow.space),
        col(BindingRow.workspace),
        col(BindingRow.bound_at),
        col(BindingRow.effective_at),
        col(BindingRow.held_since),
        col(BindingRow.held_reason),
    ).order_by(col(BindingRow.registry_name), col(BindingRow.space), col(BindingRow.workspace))
    if names is not None:
        query = query.where(column.in_(names))
    rows = session.connection().execute(query)
    return _BINDINGS_ADAPTER.validate_python([row._asdict() for row in rows])


def _list_bound_spaces(session: Session) -> dict[tuple[str, str], Space]:
    bound_spaces = sqlalchemy.select(
        col(BindingRow.registry_name), col(BindingRow.space)
    ).distinct()
    space_key = sqlalchemy.tuple_(col(SpaceRow.registry_name), col(SpaceRow.name))
    columns = [getattr(SpaceRow, name) for name in Space.model_fields]
    rows = session.connection().execute(
        sqlalchemy.select(col(SpaceRow.registry_name), *columns).where(space_key.in_(bound_spaces))
    )
    spaces: dict[tuple[str, str], Space] = {}
    for row in rows:
        fields = row._asdict()
        registry = fields.pop("registry_name")
        spaces[registry, fields["name"]] = Space(**fields)
    return spaces


def _list_cluster_statuses(session: Session) -> dict[str, ClusterStatus]:
    return {
        row.name: ClusterStatus.model_validate(row.model_dump(include=_STATUS_FIELDS))
        for row in session.exec(select(ClusterRow))
    }


def list_robot_failures(session: Session) -> dict[tuple[str, str], str]:
    """Return the last error of robot account changes, by registry and workspace."""
    query = select(ChangeResultRow).where(
        col(ChangeResultRow.done).is_(False), col(ChangeResultRow.kind).in_(_ROBOT_CHANGE_KINDS)
    )
    return {
        (row.registry_name, row.subject): f"{row.reason}: {row.message}"
        for row in session.exec(query)
    }


def _list_history(session: Session, names: Collection[str]) -> dict[str, tuple[AuditRow, ...]]:
    if not names:
        return {}
    position = (
        sqlalchemy.func.row_number()
        .over(partition_by=col(AuditRow.workspace), order_by=col(AuditRow.id).desc())
        .label("place")
    )
    ranked = (
        sqlalchemy.select(col(AuditRow.id), position)
        .where(col(AuditRow.workspace).in_(names))
        .subquery()
    )
    newest = sqlalchemy.select(ranked.c.id).where(ranked.c.place <= _HISTORY)
    query = select(AuditRow).where(col(AuditRow.id).in_(newest)).order_by(col(AuditRow.id).desc())
    history: dict[str, list[AuditRow]] = defaultdict(list)
    for row in session.exec(query):
        history[row.workspace].append(row)
    return {name: tuple(rows) for name, rows in history.items()}
