"""Bindings: added and taken away one by one, so that two people at once lose nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy
from sqlmodel import Session, col, select

from models.access import Binding
from models.audit import Entry
from models.registry import Kind
from models.tables import BindingRow, RegistryRow
from tasks.store import audit, registries


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
    new = 0
    for one in _alone(session, wanted):
        if session.get(BindingRow, (one.registry, one.space, one.workspace)) is None:
            session.add(
                BindingRow(
                    registry_name=one.registry,
                    space=one.space,
                    workspace=one.workspace,
                    bound_at=one.bound_at,
                )
            )
            _audit(session, one, "space.bound", at=at, flow_run=flow_run)
            new += 1
    return new


def unbind(
    session: Session, unwanted: Iterable[Binding], why: str, *, at: datetime, flow_run: str
) -> int:
    """Take bindings away; return how many there were. Others are left as they are."""
    gone = 0
    for one in _alone(session, unwanted):
        row = session.get(BindingRow, (one.registry, one.space, one.workspace))
        if row is not None:
            session.delete(row)
            _audit(session, one, "space.unbound", why=why, at=at, flow_run=flow_run)
            gone += 1
    return gone


def _alone(session: Session, concerned: Iterable[Binding]) -> tuple[Binding, ...]:
    """Keep others from binding and unbinding on the same registries until the transaction ends."""
    found = tuple(concerned)
    for name in sorted({one.registry for one in found}):
        registries.locked(session, name)
    return found


def _audit(
    session: Session, one: Binding, what: str, *, at: datetime, flow_run: str, why: str = "asked"
) -> None:
    entry = Entry(subject=one.space, what=what, workspace=one.workspace, after=one.workspace)
    entry = entry.model_copy(update={"why": why})
    audit.write(session, one.registry, [entry], at=at, flow_run=flow_run)


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
    for one in reached:
        if one.effective_at is None:
            row = session.get(BindingRow, (one.registry, one.space, one.workspace))
            if row is not None and row.effective_at is None:
                row.effective_at = at
                session.add(row)
