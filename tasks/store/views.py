"""Data for pages about access, read in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

import sqlalchemy
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from models.access.binding import Binding
from models.overview.views import AccessFacts
from models.registries.space import Space
from models.tables import AuditRow, BindingRow, SpaceRow
from tasks.store.access import bindings, clusters, workspaces
from tasks.store.registries import registries, robots, runs

_HISTORY = 20


def load_workspace_facts(
    session: Session, names: Collection[str] | None, now: datetime
) -> AccessFacts:
    """Return the access facts of these workspaces, or of all; unknown names are ignored."""
    all_workspaces = workspaces.list_workspaces(session)
    selected_workspaces = tuple(
        workspace for workspace in all_workspaces if names is None or workspace.name in names
    )
    bound = _list_bindings(session, col(BindingRow.workspace), names) if selected_workspaces else ()
    facts = AccessFacts(
        at=now,
        workspaces=selected_workspaces,
        bindings=bound,
        robots=robots.list_robots(session),
        listed=workspaces.list_listed_namespaces(session) if selected_workspaces else {},
    )
    return _with_details(session, facts) if selected_workspaces else facts


def load_registry_facts(session: Session, names: Collection[str], now: datetime) -> AccessFacts:
    """Return the access facts of these registries."""
    bound = _list_bindings(session, col(BindingRow.registry_name), names)
    robot_accounts = tuple(
        robot for robot in robots.list_robots(session) if robot.registry in names
    )
    facts = AccessFacts(at=now, bindings=bound, robots=robot_accounts)
    return _with_details(session, facts) if bound else facts


def _with_details(session: Session, facts: AccessFacts) -> AccessFacts:
    updates = {
        "history": _list_history(session, [workspace.name for workspace in facts.workspaces]),
        "registries": registries.list_registries(session),
        "spaces": _list_bound_spaces(session),
        "namespaces": clusters.list_namespaces(session),
        "pull_secrets": clusters.list_pull_secrets(session),
        "cluster_statuses": clusters.list_statuses(session),
        "robot_failures": runs.list_robot_failures(session),
    }
    return facts.model_copy(update=updates)


def _list_bindings(
    session: Session, column: Mapped[str], names: Collection[str] | None
) -> tuple[Binding, ...]:
    query = bindings.select_bindings()
    if names is not None:
        query = query.where(column.in_(names))
    return bindings.read_bindings(session, query)


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
