"""Numbers for the overview, summed up by the database."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy
import sqlmodel
from sqlalchemy import ColumnElement, Row, Select, bindparam, case, func, select
from sqlmodel import Session, SQLModel, col, delete

from models.core.availability import Seen
from models.overview.overview import Measurement, RegistryFigures, SpaceFigures, SpaceTotals
from models.registries.observation import UNLIMITED, SpaceStorage, StorageReading
from models.registries.space import Space, Visibility
from models.tables import MeasurementRow, RegistryRow, SpaceRow
from tasks.store.registries.registries import dossiers, locked

_KEPT = timedelta(days=90)
_TABLE = SQLModel.metadata.tables["space"]
_SPACE = list(Space.model_fields)
_STORAGE_OF_SPACE = (
    sqlalchemy.update(_TABLE)
    .where(
        col(SpaceRow.registry_name) == bindparam("of_registry"),
        col(SpaceRow.name) == bindparam("of_name"),
    )
    .values(storage_used=bindparam("used"), storage_limit=bindparam("allowed"))
)


def figures(session: Session) -> tuple[RegistryFigures, ...]:
    """Return every registry with its spaces summed up, in three queries."""
    totals = {row.registry_name: row for row in session.connection().execute(_totals())}
    return tuple(
        RegistryFigures(dossier=one, totals=_space_totals(totals.get(one.registry.name)))
        for one in dossiers(session)
    )


def _totals() -> Select[*tuple[Any, ...]]:
    """Sum up by registry; what is missing counts as missing and as nothing else."""
    there = col(SpaceRow.missing_since).is_(None)
    public = _in_force() == Visibility.PUBLIC.value
    limit = col(SpaceRow.storage_limit)
    return (
        select(
            col(SpaceRow.registry_name).label("registry_name"),
            _count(there & public).label("public"),
            _count(there & ~public).label("private"),
            _count(~there).label("missing"),
            _count(there & (col(SpaceRow.desired) != SpaceRow.observed)).label("drifted"),
            func.sum(case((there, SpaceRow.repositories))).label("repositories"),
            func.sum(case((there, SpaceRow.storage_used))).label("used"),
            func.sum(case((there & (limit >= 0), limit))).label("limited"),
            _count(there & (limit == UNLIMITED)).label("unlimited"),
            _count(there & limit.is_(None)).label("limit_unknown"),
        )
        .where(~col(SpaceRow.declared))
        .group_by(SpaceRow.registry_name)
    )


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _space_totals(row: Row[Any] | None) -> SpaceTotals:
    if row is None:
        return SpaceTotals()
    limits = None if row.limit_unknown else UNLIMITED if row.unlimited else row.limited
    return SpaceTotals(
        public=row.public,
        private=row.private,
        missing=row.missing,
        drifted=row.drifted,
        repositories=row.repositories,
        used=row.used,
        limits=limits,
    )


def space_figures(session: Session, registry: str) -> tuple[SpaceFigures, ...]:
    """Return all spaces of a registry with their storage."""
    found = session.connection().execute(
        select(_TABLE).where(col(SpaceRow.registry_name) == registry)
    )
    return tuple(
        SpaceFigures(
            space=Space(**{name: row[name] for name in _SPACE}),
            storage_used=row["storage_used"],
            storage_limit=row["storage_limit"],
        )
        for row in found.mappings()
    )


def with_public_spaces(session: Session) -> frozenset[str]:
    """Return the names of the registries that have a public space."""
    asked = (
        select(col(SpaceRow.registry_name)).where(_in_force() == Visibility.PUBLIC.value).distinct()
    )
    return frozenset(row[0] for row in session.connection().execute(asked))


def _in_force() -> ColumnElement[str]:
    return func.coalesce(SpaceRow.observed, SpaceRow.desired, Visibility.PRIVATE.value)


def save_storage(session: Session, registry: str, reading: StorageReading, at: datetime) -> None:
    """Save what a registry said about storage; where it said nothing, nothing is known."""
    row = locked(session, registry)
    if row is None:  # removed meanwhile
        return
    row.storage_read_at, row.storage_used = at, reading.total
    row.storage_note = "" if isinstance(reading.spaces, Seen) else reading.spaces.message
    session.add(row)
    if isinstance(reading.spaces, Seen):
        _save_space_storage(session, registry, reading.spaces.items)
    _measure(session, row, at)


def _save_space_storage(session: Session, registry: str, told: Iterable[SpaceStorage]) -> None:
    """Update the spaces that are known; figures of others come again once those are."""
    known = set(
        session.exec(sqlmodel.select(SpaceRow.name).where(SpaceRow.registry_name == registry))
    )
    rows = [
        {"of_registry": registry, "of_name": one.name, "used": one.used, "allowed": one.limit}
        for one in told
        if one.name in known
    ]
    if rows:
        session.connection().execute(_STORAGE_OF_SPACE, rows)


def _measure(session: Session, row: RegistryRow, at: datetime) -> None:
    """Append to the trend, and drop what is too old for it."""
    found = session.connection().execute(_totals().where(col(SpaceRow.registry_name) == row.name))
    summed = _space_totals(found.first())
    session.merge(
        MeasurementRow(
            registry_name=row.name,
            at=at,
            spaces=summed.spaces,
            repositories=summed.repositories or 0,
            storage_used=row.storage_used if row.storage_used is not None else summed.used,
        )
    )
    session.exec(delete(MeasurementRow).where(col(MeasurementRow.at) < at - _KEPT))


def measurements(session: Session, since: datetime) -> tuple[Measurement, ...]:
    """Return what was measured since, oldest first."""
    rows = session.exec(
        sqlmodel.select(MeasurementRow)
        .where(col(MeasurementRow.at) >= since)
        .order_by(col(MeasurementRow.at))
    )
    return tuple(
        Measurement(registry=row.registry_name, at=row.at, storage_used=row.storage_used)
        for row in rows
    )
