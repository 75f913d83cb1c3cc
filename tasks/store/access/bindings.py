"""Bindings. They are added and removed one by one, so that concurrent changes are not lost."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, SQLModel, col, select

from models.access.binding import Binding
from models.core.audit import AuditEntry
from models.core.run_context import RunContext
from models.tables import BindingRow
from tasks.store import audit
from tasks.store.registries import registries

_Key = tuple[str, str, str]
"""Registry, space and workspace."""

_TABLE = SQLModel.metadata.tables["binding"]
_MATCHES_KEY = sqlalchemy.and_(
    _TABLE.c.registry_name == bindparam("of_registry"),
    _TABLE.c.space == bindparam("of_space"),
    _TABLE.c.workspace == bindparam("of_workspace"),
)
"""Matches one binding. One statement runs with many parameter sets: up to 50,000 bindings."""


def list_bindings(
    session: Session, *, registry: str | None = None, workspace: str | None = None
) -> tuple[Binding, ...]:
    """Return bindings, including held ones; of a registry, of a workspace, or all."""
    query = select(BindingRow).order_by(
        col(BindingRow.registry_name), col(BindingRow.space), col(BindingRow.workspace)
    )
    if registry is not None:
        query = query.where(col(BindingRow.registry_name) == registry)
    if workspace is not None:
        query = query.where(col(BindingRow.workspace) == workspace)
    return tuple(_to_binding(row) for row in session.exec(query))


def _to_binding(row: BindingRow) -> Binding:
    return Binding(
        registry=row.registry_name,
        space=row.space,
        workspace=row.workspace,
        bound_at=row.bound_at,
        effective_at=row.effective_at,
        held_since=row.held_since,
        held_reason=row.held_reason,
    )


def bind(
    session: Session,
    desired_bindings: Iterable[Binding],
    context: RunContext,
    why: str = "requested",
) -> int:
    """Add bindings and restore held ones; return how many came into force.

    Bindings that are not named, or in force already, are not changed.
    """
    by_key = {_binding_key(binding): binding for binding in desired_bindings}
    held_by_key = _lock_existing(session, by_key)
    new_bindings = [binding for key, binding in by_key.items() if key not in held_by_key]
    restored_bindings = [binding for key, binding in by_key.items() if held_by_key.get(key)]
    rows = [
        binding.model_dump(exclude={"registry"}) | {"registry_name": binding.registry}
        for binding in new_bindings
    ]
    if rows:
        session.connection().execute(sqlalchemy.insert(_TABLE), rows)
    _update_bindings(
        session,
        restored_bindings,
        bound_at=context.now,
        effective_at=None,
        held_since=None,
        held_reason="",
    )
    _audit_bindings(session, new_bindings, "space.bound", why, context)
    restore_note = f"{why}; it was held"
    _audit_bindings(session, restored_bindings, "space.bound", restore_note, context)
    return len(new_bindings) + len(restored_bindings)


def hold(session: Session, candidates: Iterable[Binding], why: str, context: RunContext) -> int:
    """Hold bindings without deleting them; return how many were in force.

    A held binding grants no access until it is restored with resolve-held-bindings.
    """
    by_key = {_binding_key(binding): binding for binding in candidates}
    held_by_key = _lock_existing(session, by_key)
    held_bindings = [binding for key, binding in by_key.items() if held_by_key.get(key) is False]
    _update_bindings(
        session, held_bindings, effective_at=None, held_since=context.now, held_reason=why
    )
    _audit_bindings(session, held_bindings, "space.binding-held", why, context)
    return len(held_bindings)


def hold_bindings_of_spaces(
    session: Session, registry: str, reasons: Mapping[str, str], context: RunContext
) -> None:
    """Hold all bindings of some spaces of a registry; `reasons` is by space."""
    by_reason: dict[str, list[Binding]] = defaultdict(list)
    for binding in list_bindings_of_spaces(session, registry, reasons):
        by_reason[reasons[binding.space]].append(binding)
    for why, space_bindings in by_reason.items():
        hold(session, space_bindings, why, context)


def _update_bindings(session: Session, targets: Sequence[Binding], **values: object) -> None:
    if targets:
        rows = [_key_parameters(binding) for binding in targets]
        session.connection().execute(
            sqlalchemy.update(_TABLE).where(_MATCHES_KEY).values(values), rows
        )


def unbind(session: Session, candidates: Iterable[Binding], why: str, context: RunContext) -> int:
    """Delete bindings; return how many of them existed."""
    by_key = {_binding_key(binding): binding for binding in candidates}
    held_by_key = _lock_existing(session, by_key)
    removals = [binding for key, binding in by_key.items() if key in held_by_key]
    if removals:
        rows = [_key_parameters(binding) for binding in removals]
        session.connection().execute(sqlalchemy.delete(_TABLE).where(_MATCHES_KEY), rows)
    _audit_bindings(session, removals, "space.unbound", why, context)
    return len(removals)


def _lock_existing(session: Session, keys: Iterable[_Key]) -> dict[_Key, bool]:
    # Returns whether each existing binding of these registries is held, with one query per
    # registry. The lock blocks other binding changes there until the transaction ends.
    held_by_key: dict[_Key, bool] = {}
    for name in sorted({registry for registry, _, _ in keys}):
        registries.lock_row(session, name)
        columns = _TABLE.c.space, _TABLE.c.workspace, _TABLE.c.held_since
        rows = sqlalchemy.select(*columns).where(_TABLE.c.registry_name == name)
        for space, workspace, held_since in session.connection().execute(rows):
            held_by_key[name, space, workspace] = held_since is not None
    return held_by_key


def _binding_key(binding: Binding) -> _Key:
    return binding.registry, binding.space, binding.workspace


def _key_parameters(binding: Binding) -> dict[str, str]:
    return {
        "of_registry": binding.registry,
        "of_space": binding.space,
        "of_workspace": binding.workspace,
    }


def _audit_bindings(
    session: Session,
    affected_bindings: Iterable[Binding],
    action: str,
    why: str,
    context: RunContext,
) -> None:
    by_registry: dict[str, list[AuditEntry]] = defaultdict(list)
    for binding in affected_bindings:
        entry = AuditEntry(
            subject=binding.space,
            action=action,
            workspace=binding.workspace,
            after=binding.workspace,
            reason=why,
        )
        by_registry[binding.registry].append(entry)
    for registry, entries in by_registry.items():
        audit.append(session, registry, entries, context)


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


def list_bindings_of_spaces(
    session: Session, registry: str, names: Collection[str]
) -> tuple[Binding, ...]:
    """Return the bindings of these spaces of a registry, including held ones."""
    if not names:
        return ()
    space_names = set(names)
    return tuple(
        binding
        for binding in list_bindings(session, registry=registry)
        if binding.space in space_names
    )


def list_bound_workspaces(session: Session) -> frozenset[tuple[str, str]]:
    """Return each (registry, workspace) that has a binding in force."""
    columns = col(BindingRow.registry_name), col(BindingRow.workspace)
    query = sqlalchemy.select(*columns).where(col(BindingRow.held_since).is_(None)).distinct()
    return frozenset((row[0], row[1]) for row in session.connection().execute(query))


def list_not_yet_effective(session: Session) -> tuple[Binding, ...]:
    """Return bindings that have not reached every namespace of their workspace yet."""
    query = select(BindingRow).where(
        col(BindingRow.effective_at).is_(None), col(BindingRow.held_since).is_(None)
    )
    return tuple(_to_binding(row) for row in session.exec(query))


def save_effective(session: Session, effective_bindings: Iterable[Binding], now: datetime) -> None:
    """Save when bindings first reached every namespace of their workspace."""
    rows = [
        _key_parameters(binding) for binding in effective_bindings if binding.effective_at is None
    ]
    if rows:
        first = sqlalchemy.and_(_TABLE.c.effective_at.is_(None), _TABLE.c.held_since.is_(None))
        statement = sqlalchemy.update(_TABLE).where(_MATCHES_KEY, first).values(effective_at=now)
        session.connection().execute(statement, rows)
