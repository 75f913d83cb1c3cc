"""Bindings of workspaces to spaces."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import sqlalchemy
from pydantic import TypeAdapter
from sqlalchemy import Select, bindparam
from sqlmodel import Session, SQLModel, col

from models.access.binding import Binding
from models.access.binding_update import BindingKey, BindingUpdate, CurrentBindings
from models.core.runs.context import RunContext
from models.tables import BindingRow
from tasks.store import audit
from tasks.store.registries import registries

_TABLE = SQLModel.metadata.tables["binding"]
_BINDINGS_ADAPTER = TypeAdapter(tuple[Binding, ...])
_MATCHES_KEY = sqlalchemy.and_(
    _TABLE.c.registry_name == bindparam("of_registry"),
    _TABLE.c.space == bindparam("of_space"),
    _TABLE.c.workspace == bindparam("of_workspace"),
)
"""Matches one binding. One statement runs with many parameter sets: up to 50,000 bindings."""


def select_bindings() -> Select[*tuple[Any, ...]]:
    """Return the query for all bindings, sorted; `read_bindings` runs it."""
    # Plain rows instead of ORM objects: there can be 50,000 bindings.
    return sqlalchemy.select(
        _TABLE.c.registry_name.label("registry"),
        *(column for column in _TABLE.c if column.name != "registry_name"),
    ).order_by(_TABLE.c.registry_name, _TABLE.c.space, _TABLE.c.workspace)


def read_bindings(session: Session, query: Select[*tuple[Any, ...]]) -> tuple[Binding, ...]:
    """Return the bindings that a query of `select_bindings` finds."""
    rows = session.connection().execute(query)
    return _BINDINGS_ADAPTER.validate_python([row._asdict() for row in rows])


def list_bindings(
    session: Session, *, registry: str | None = None, workspace: str | None = None
) -> tuple[Binding, ...]:
    """Return bindings, including held ones; of a registry, of a workspace, or all."""
    query = select_bindings()
    if registry is not None:
        query = query.where(_TABLE.c.registry_name == registry)
    if workspace is not None:
        query = query.where(_TABLE.c.workspace == workspace)
    return read_bindings(session, query)


def update_bindings(
    session: Session,
    registry: str,
    decide: Callable[[CurrentBindings], BindingUpdate],
    context: RunContext,
) -> BindingUpdate:
    """Change the bindings of a registry as `decide` says, and return what was changed.

    Args:
        session: the transaction.
        registry: name of the registry.
        decide: returns the update for the bindings on record. They are locked: no other run
            changes them until the transaction ends.
        context: the run that makes the change.
    """
    update = decide(_lock_bindings(session, registry))
    rows = [
        binding.model_dump(exclude={"registry"}) | {"registry_name": registry}
        for binding in update.added
    ]
    if rows:
        session.connection().execute(sqlalchemy.insert(_TABLE), rows)
    restored_values = {"bound_at": context.now, "held_since": None, "held_reason": ""}
    _set_values(session, registry, update.restored, effective_at=None, **restored_values)
    for reason, keys in update.held_by_reason.items():
        held_values = {"held_since": context.now, "held_reason": reason}
        _set_values(session, registry, keys, effective_at=None, **held_values)
    if update.removed:
        parameters = [_key_parameters(registry, *key) for key in update.removed]
        session.connection().execute(sqlalchemy.delete(_TABLE).where(_MATCHES_KEY), parameters)
    audit.append(session, registry, update.audit_entries, context)
    return update


def _lock_bindings(session: Session, registry: str) -> dict[BindingKey, bool]:
    registries.lock_row(session, registry)
    columns = _TABLE.c.space, _TABLE.c.workspace, _TABLE.c.held_since
    query = sqlalchemy.select(*columns).where(_TABLE.c.registry_name == registry)
    rows = session.connection().execute(query)
    return {(space, workspace): held_since is not None for space, workspace, held_since in rows}


def _set_values(
    session: Session, registry: str, keys: Iterable[BindingKey], **values: object
) -> None:
    parameters = [_key_parameters(registry, *key) for key in keys]
    if parameters:
        statement = sqlalchemy.update(_TABLE).where(_MATCHES_KEY).values(values)
        session.connection().execute(statement, parameters)


def _key_parameters(registry: str, space: str, workspace: str) -> dict[str, str]:
    return {"of_registry": registry, "of_space": space, "of_workspace": workspace}


def spaces_by_workspace(session: Session, registry: str) -> dict[str, tuple[str, ...]]:
    """Return the spaces of a registry that each workspace is bound to, without held bindings.

    Robot accounts are planned from this: they get access to exactly these spaces.
    """
    query = sqlalchemy.select(col(BindingRow.workspace), col(BindingRow.space)).where(
        col(BindingRow.registry_name) == registry, col(BindingRow.held_since).is_(None)
    )
    spaces_by_workspace: dict[str, list[str]] = defaultdict(list)
    for workspace, space in session.connection().execute(query):
        spaces_by_workspace[workspace].append(space)
    return {workspace: tuple(spaces) for workspace, spaces in spaces_by_workspace.items()}


def count_bindings(session: Session, registry: str) -> int:
    """Return how many bindings a registry has, including held ones."""
    number = sqlalchemy.func.count()
    query = sqlalchemy.select(number).where(col(BindingRow.registry_name) == registry)
    return session.connection().execute(query).scalar_one()


def count_by_registry(session: Session) -> dict[str, int]:
    """Return how many bindings each registry has, including held ones."""
    column = col(BindingRow.registry_name)
    rows = session.connection().execute(
        sqlalchemy.select(column, sqlalchemy.func.count()).group_by(column)
    )
    return {name: binding_count for name, binding_count in rows}


def list_bound_workspaces(session: Session) -> frozenset[tuple[str, str]]:
    """Return each (registry, workspace) that has a binding in force."""
    columns = col(BindingRow.registry_name), col(BindingRow.workspace)
    query = sqlalchemy.select(*columns).where(col(BindingRow.held_since).is_(None)).distinct()
    return frozenset((row[0], row[1]) for row in session.connection().execute(query))


def list_not_yet_effective(session: Session) -> tuple[Binding, ...]:
    """Return bindings that have not reached every namespace of their workspace yet."""
    query = select_bindings().where(_TABLE.c.effective_at.is_(None), _TABLE.c.held_since.is_(None))
    return read_bindings(session, query)


def save_effective(session: Session, effective_bindings: Iterable[Binding], now: datetime) -> None:
    """Save when bindings first reached every namespace of their workspace."""
    rows = [
        _key_parameters(binding.registry, binding.space, binding.workspace)
        for binding in effective_bindings
        if binding.effective_at is None
    ]
    if rows:
        first = sqlalchemy.and_(_TABLE.c.effective_at.is_(None), _TABLE.c.held_since.is_(None))
        statement = sqlalchemy.update(_TABLE).where(_MATCHES_KEY, first).values(effective_at=now)
        session.connection().execute(statement, rows)
