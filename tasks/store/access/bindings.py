"""Bindings: added and taken away one by one, so that two people at once lose nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, SQLModel, col, select

from models.access.binding import Binding
from models.core.audit import Entry
from models.tables import BindingRow
from tasks.store import audit
from tasks.store.registries import registries

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
    """Return bindings, held ones too: all, or those of a registry or of a workspace."""
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
        held_since=row.held_since,
        held_reason=row.held_reason,
    )


def bind(
    session: Session,
    wanted: Iterable[Binding],
    why: str = "asked",
    *,
    at: datetime,
    flow_run: str,
) -> int:
    """Add bindings to those there are, and restore held ones; return how many came into force.

    Others' are left as they are.
    """
    asked = {_key(one): one for one in wanted}
    there = _there(session, asked)
    new = [one for key, one in asked.items() if key not in there]
    restored = [one for key, one in asked.items() if there.get(key)]
    rows = [one.model_dump(exclude={"registry"}) | {"registry_name": one.registry} for one in new]
    if rows:
        session.connection().execute(sqlalchemy.insert(_TABLE), rows)
    _update(session, restored, bound_at=at, effective_at=None, held_since=None, held_reason="")
    _audit(session, new, "space.bound", why, at=at, flow_run=flow_run)
    again = f"{why}; it was held"
    _audit(session, restored, "space.bound", again, at=at, flow_run=flow_run)
    return len(new) + len(restored)


def hold(
    session: Session, concerned: Iterable[Binding], why: str, *, at: datetime, flow_run: str
) -> int:
    """Take bindings out of force without dropping them; return how many were in force.

    Nobody is granted anything by a held binding until a person restores it.
    """
    asked = {_key(one): one for one in concerned}
    there = _there(session, asked)
    affected = [one for key, one in asked.items() if there.get(key) is False]
    _update(session, affected, effective_at=None, held_since=at, held_reason=why)
    _audit(session, affected, "space.binding-held", why, at=at, flow_run=flow_run)
    return len(affected)


def hold_spaces(
    session: Session, registry: str, reasons: Mapping[str, str], *, at: datetime, flow_run: str
) -> None:
    """Hold all bindings of some spaces of a registry.

    Args:
        reasons: why, by space.
    """
    by_reason: dict[str, list[Binding]] = defaultdict(list)
    for one in of_spaces(session, registry, reasons):
        by_reason[reasons[one.space]].append(one)
    for why, affected in by_reason.items():
        hold(session, affected, why, at=at, flow_run=flow_run)


def _update(session: Session, affected: Sequence[Binding], **values: object) -> None:
    if affected:
        rows = [_named(one) for one in affected]
        session.connection().execute(sqlalchemy.update(_TABLE).where(_THIS).values(values), rows)


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


def _there(session: Session, asked: Iterable[_Key]) -> dict[_Key, bool]:
    """Return the bindings of the registries that are asked about, and whether each is held.

    That is one query for each registry. Others are kept from binding and unbinding there until the
    transaction ends.
    """
    found: dict[_Key, bool] = {}
    for name in sorted({registry for registry, _, _ in asked}):
        registries.locked(session, name)
        columns = _TABLE.c.space, _TABLE.c.workspace, _TABLE.c.held_since
        rows = sqlalchemy.select(*columns).where(_TABLE.c.registry_name == name)
        for space, workspace, held_since in session.connection().execute(rows):
            found[name, space, workspace] = held_since is not None
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
    """Return the spaces of a registry that each workspace is bound to; held bindings do not count.

    Robot accounts are planned from this: what is not in it is not granted.
    """
    asked = sqlalchemy.select(col(BindingRow.workspace), col(BindingRow.space)).where(
        col(BindingRow.registry_name) == registry, col(BindingRow.held_since).is_(None)
    )
    found: dict[str, list[str]] = defaultdict(list)
    for workspace, space in session.connection().execute(asked):
        found[workspace].append(space)
    return {workspace: tuple(spaces) for workspace, spaces in found.items()}


def count(session: Session, registry: str) -> int:
    """Return how many bindings a registry has, held ones too."""
    number = sqlalchemy.func.count()
    asked = sqlalchemy.select(number).where(col(BindingRow.registry_name) == registry)
    return session.connection().execute(asked).scalar_one()


def counts(session: Session) -> dict[str, int]:
    """Return how many bindings each registry has, held ones too."""
    column = col(BindingRow.registry_name)
    rows = session.connection().execute(
        sqlalchemy.select(column, sqlalchemy.func.count()).group_by(column)
    )
    return {name: many for name, many in rows}


def of_spaces(session: Session, registry: str, names: Collection[str]) -> tuple[Binding, ...]:
    """Return what some spaces of a registry are bound to."""
    if not names:
        return ()
    wanted = set(names)
    return tuple(one for one in bindings(session, registry=registry) if one.space in wanted)


def bound_workspaces(session: Session) -> frozenset[tuple[str, str]]:
    """Return (registry, workspace) with a binding in force."""
    columns = col(BindingRow.registry_name), col(BindingRow.workspace)
    asked = sqlalchemy.select(*columns).where(col(BindingRow.held_since).is_(None)).distinct()
    return frozenset((row[0], row[1]) for row in session.connection().execute(asked))


def not_yet_effective(session: Session) -> tuple[Binding, ...]:
    """Return the bindings that have not reached every namespace of their workspace so far."""
    asked = select(BindingRow).where(
        col(BindingRow.effective_at).is_(None), col(BindingRow.held_since).is_(None)
    )
    return tuple(_binding(row) for row in session.exec(asked))


def note_effective(session: Session, reached: Iterable[Binding], at: datetime) -> None:
    """Note when bindings reached every namespace of their workspace, the first time they do."""
    rows = [_named(one) for one in reached if one.effective_at is None]
    if rows:
        first = sqlalchemy.and_(_TABLE.c.effective_at.is_(None), _TABLE.c.held_since.is_(None))
        noted = sqlalchemy.update(_TABLE).where(_THIS, first).values(effective_at=at)
        session.connection().execute(noted, rows)
