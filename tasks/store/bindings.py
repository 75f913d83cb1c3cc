"""Bindings: added and taken away one by one, so that two people at once lose nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, SQLModel, col, select

from models.access import Binding
from models.audit import Entry
from models.registry import Kind
from models.tables import BindingRow, RegistryRow
from tasks.store import audit, registries

_Key = tuple[str, str, str]
"""Registry, space and workspace."""

_TABLE = SQLModel.metadata.tables["binding"]
_THIS = sqlalchemy.and_(
    _TABLE.c.registry_name == bindparam("of_registry"),
    _TABLE.c.space == bindparam("of_space"),
    _TABLE.c.workspace == bindparam("of_workspace"),
)
"""One binding. Many are changed by one statement with many parameters: people bind 50,000."""


def bindings(
    session: Session, *, registry: str | None = None, workspace: str | None = None
) -> tuple[Binding, ...]:
    """Return bindings: all, or those of a registry or of a workspace."""
    asked = select(BindingRow).order_by(
        col(BindingRow.registry_name), col(BindingRow.space), col(BindingRow.workspace)
    )
    if registry is not None:
        asked = asked.where(col(BindingRow.registry_name) == registry)
    if workspace is not None:
        asked = asked.where(col(BindingRow.workspace) == workspace)
    return tuple(_binding(row) for row in session.exec(asked))


def _binding(row: BindingRow) -> Binding:
    return Binding(
        registry=row.registry_name,
        space=row.space,
        workspace=row.workspace,
        bound_at=row.bound_at,
        effective_at=row.effective_at,
    )


def bind(session: Session, wanted: Iterable[Binding], *, at: datetime, flow_run: str) -> int:
    """Add bindings to those there are; return how many are new. Others' are left as they are."""
    asked = {_key(one): one for one in wanted}
    there = _there(session, asked)
    new = [one for key, one in asked.items() if key not in there]
    rows = [one.model_dump(exclude={"registry"}) | {"registry_name": one.registry} for one in new]
    if rows:
        session.connection().execute(sqlalchemy.insert(_TABLE), rows)
    _audit(session, new, "space.bound", "asked", at=at, flow_run=flow_run)
    return len(new)


def unbind(
    session: Session, unwanted: Iterable[Binding], why: str, *, at: datetime, flow_run: str
) -> int:
    """Take bindings away; return how many there were. Others are left as they are."""
    asked = {_key(one): one for one in unwanted}
    there = _there(session, asked)
    gone = [one for key, one in asked.items() if key in there]
    if gone:
        rows = [_named(one) for one in gone]
        session.connection().execute(sqlalchemy.delete(_TABLE).where(_THIS), rows)
    _audit(session, gone, "space.unbound", why, at=at, flow_run=flow_run)
    return len(gone)


def _there(session: Session, asked: Iterable[_Key]) -> set[_Key]:
    """Return the bindings of the registries that are asked about, a query for each.

    Others are kept from binding and unbinding there until the transaction ends.
    """
    found: set[_Key] = set()
    for name in sorted({registry for registry, _, _ in asked}):
        registries.locked(session, name)
        columns = _TABLE.c.space, _TABLE.c.workspace
        rows = sqlalchemy.select(*columns).where(_TABLE.c.registry_name == name)
        found |= {(name, row[0], row[1]) for row in session.connection().execute(rows)}
    return found


def _key(one: Binding) -> _Key:
    return one.registry, one.space, one.workspace


def _named(one: Binding) -> dict[str, str]:
    return {"of_registry": one.registry, "of_space": one.space, "of_workspace": one.workspace}


def _audit(
    session: Session, many: Iterable[Binding], what: str, why: str, *, at: datetime, flow_run: str
) -> None:
    by_registry: dict[str, list[Entry]] = defaultdict(list)
    for one in many:
        entry = Entry(
            subject=one.space, what=what, workspace=one.workspace, after=one.workspace, why=why
        )
        by_registry[one.registry].append(entry)
    for registry, entries in by_registry.items():
        audit.write(session, registry, entries, at=at, flow_run=flow_run)


def bound(session: Session, registry: str) -> dict[str, tuple[str, ...]]:
    """Return the spaces of a registry that each workspace is bound to."""
    asked = sqlalchemy.select(col(BindingRow.workspace), col(BindingRow.space)).where(
        col(BindingRow.registry_name) == registry
    )
    found: dict[str, list[str]] = defaultdict(list)
    for workspace, space in session.connection().execute(asked):
        found[workspace].append(space)
    return {workspace: tuple(spaces) for workspace, spaces in found.items()}


def of_spaces(session: Session, registry: str, names: Collection[str]) -> tuple[Binding, ...]:
    """Return what some spaces of a registry are bound to."""
    if not names:
        return ()
    wanted = set(names)
    return tuple(one for one in bindings(session, registry=registry) if one.space in wanted)


def docker_workspaces(session: Session) -> frozenset[tuple[str, str]]:
    """Return (registry, workspace) bound on Docker Registries, whatever the space."""
    asked = (
        sqlalchemy.select(col(BindingRow.registry_name), col(BindingRow.workspace))
        .join(RegistryRow, col(RegistryRow.name) == col(BindingRow.registry_name))
        .where(col(RegistryRow.kind) == Kind.DOCKER.value)
        .distinct()
    )
    return frozenset((row[0], row[1]) for row in session.connection().execute(asked))


def not_yet_effective(session: Session) -> tuple[Binding, ...]:
    """Return the bindings that have not reached every namespace of their workspace so far."""
    asked = select(BindingRow).where(col(BindingRow.effective_at).is_(None))
    return tuple(_binding(row) for row in session.exec(asked))


def note_effective(session: Session, reached: Iterable[Binding], at: datetime) -> None:
    """Note when bindings reached every namespace of their workspace, the first time they do."""
    rows = [_named(one) for one in reached if one.effective_at is None]
    if rows:
        first = _TABLE.c.effective_at.is_(None)
        noted = sqlalchemy.update(_TABLE).where(_THIS, first).values(effective_at=at)
        session.connection().execute(noted, rows)
