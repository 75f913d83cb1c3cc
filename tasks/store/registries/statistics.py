"""Statistics for the overview, aggregated by the database."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy
import sqlmodel
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlmodel import Session, SQLModel, col, delete

from models.core.availability import Complete
from models.overview.overview import Measurement, RegistryStatistics, SpaceStatistics, SpaceTotals
from models.registries.observation import UNLIMITED, Coverage, SpaceStorage, StorageReading
from models.registries.space import Space, Visibility
from models.tables import MeasurementRow, RegistryRow, SpaceRow
from models.tables.types import UtcDateTime
from tasks.store.registries.registries import list_registries, lock_row, to_coverage

_RETENTION = timedelta(days=90)
_TABLE = SQLModel.metadata.tables["space"]
_SPACE_FIELDS = list(Space.model_fields)
_UPDATE_SPACE_STORAGE = (
    sqlalchemy.update(_TABLE)
    .where(
        col(SpaceRow.registry_name) == bindparam("of_registry"),
        col(SpaceRow.name) == bindparam("of_name"),
    )
    .values(
        storage_used=bindparam("used"),
        storage_limit=bindparam("allowed"),
        storage_counted=bindparam("counted"),
        storage_tags=bindparam("tags"),
    )
)


def list_registry_statistics(session: Session) -> tuple[RegistryStatistics, ...]:
    """Return every registry with the totals of its spaces, in three queries."""
    totals = {row.registry_name: row for row in session.connection().execute(_totals_query())}
    return tuple(
        RegistryStatistics(record=record, totals=_space_totals(totals.get(record.registry.name)))
        for record in list_registries(session)
    )


def get_registry_statistics(session: Session, name: str) -> RegistryStatistics | None:
    """Return one registry with the totals of its spaces; None if there is none of this name."""
    records = list_registries(session, (name,))
    if not records:
        return None
    query = _totals_query().where(col(SpaceRow.registry_name) == name)
    row = session.connection().execute(query).first()
    return RegistryStatistics(record=records[0], totals=_space_totals(row))


def _totals_query() -> Select[*tuple[Any, ...]]:
    # A missing space counts as missing only, not in any other total.
    present = col(SpaceRow.missing_since).is_(None)
    public = effective_visibility() == Visibility.PUBLIC.value
    limit = col(SpaceRow.storage_limit)
    return (
        select(
            col(SpaceRow.registry_name).label("registry_name"),
            _count_where(present & public).label("public"),
            _count_where(present & ~public).label("private"),
            _count_where(~present).label("missing"),
            _count_where(present & (col(SpaceRow.desired) != SpaceRow.observed)).label("drifted"),
            func.sum(case((present, SpaceRow.repositories))).label("repositories"),
            func.sum(case((present, SpaceRow.storage_used))).label("used"),
            func.sum(case((present & (limit >= 0), limit))).label("limited"),
            _count_where(present & (limit == UNLIMITED)).label("unlimited"),
            _count_where(present & limit.is_(None)).label("limit_unknown"),
        )
        .where(~col(SpaceRow.declared))
        .group_by(SpaceRow.registry_name)
    )


def _count_where(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _space_totals(row: Row[Any] | None) -> SpaceTotals:
    if row is None:
        return SpaceTotals()
    limits = None if row.limit_unknown else UNLIMITED if row.unlimited else row.limited
    return SpaceTotals(
        public_count=row.public,
        private_count=row.private,
        missing_count=row.missing,
        drifted_count=row.drifted,
        repository_count=row.repositories,
        storage_used=row.used,
        storage_limit=limits,
    )


def list_space_statistics(session: Session, registry: str) -> tuple[SpaceStatistics, ...]:
    """Return all spaces of a registry with their storage statistics."""
    result = session.connection().execute(
        select(_TABLE).where(col(SpaceRow.registry_name) == registry)
    )
    return tuple(
        SpaceStatistics(
            space=Space(**{name: row[name] for name in _SPACE_FIELDS}),
            storage_used=row["storage_used"],
            storage_limit=row["storage_limit"],
            storage_coverage=to_coverage(row["storage_counted"], row["storage_tags"]),
        )
        for row in result.mappings()
    )


def registries_with_public_spaces(session: Session) -> frozenset[str]:
    """Return the names of the registries in which a public space was last observed.

    A space that is missing does not count. If all spaces of a registry are missing at once, an
    empty volume or a proxy is more likely than their deletion: they count until they expire.
    """
    present = (
        select(col(SpaceRow.registry_name))
        .where(col(SpaceRow.declared).is_(False), col(SpaceRow.missing_since).is_(None))
        .distinct()
    )
    query = (
        select(col(SpaceRow.registry_name))
        .where(
            effective_visibility() == Visibility.PUBLIC.value,
            col(SpaceRow.declared).is_(False),
            or_(
                col(SpaceRow.missing_since).is_(None),
                col(SpaceRow.registry_name).not_in(present),
            ),
        )
        .distinct()
    )
    return frozenset(row[0] for row in session.connection().execute(query))


def effective_visibility() -> ColumnElement[str]:
    """Return the visibility that counts, as `Space.visibility`."""
    return func.coalesce(SpaceRow.observed, SpaceRow.desired, Visibility.PRIVATE.value)


def save_storage(session: Session, registry: str, reading: StorageReading, now: datetime) -> None:
    """Save a storage reading; values that the registry did not report become unknown."""
    row = lock_row(session, registry)
    if row is None:  # removed meanwhile
        return
    row.storage_read_at, row.storage_used = now, reading.total
    row.storage_note = "" if isinstance(reading.spaces, Complete) else reading.spaces.message
    row.storage_counted, row.storage_tags = _coverage_columns(reading.coverage)
    session.add(row)
    if isinstance(reading.spaces, Complete):
        _save_space_storage(session, registry, reading.spaces.items)
    _add_measurement(session, row, now)


def _save_space_storage(
    session: Session, registry: str, space_storages: Iterable[SpaceStorage]
) -> None:
    # Spaces that are not on record yet get their statistics with a later reading.
    space_names = set(
        session.exec(sqlmodel.select(SpaceRow.name).where(SpaceRow.registry_name == registry))
    )
    rows = [
        _space_columns(registry, space_storage)
        for space_storage in space_storages
        if space_storage.name in space_names
    ]
    if rows:
        session.connection().execute(_UPDATE_SPACE_STORAGE, rows)


def _space_columns(registry: str, space_storage: SpaceStorage) -> dict[str, object]:
    counted, tags = _coverage_columns(space_storage.coverage)
    return {
        "of_registry": registry,
        "of_name": space_storage.name,
        "used": space_storage.used,
        "allowed": space_storage.limit,
        "counted": counted,
        "tags": tags,
    }


def _coverage_columns(coverage: Coverage | None) -> tuple[int | None, int | None]:
    return (None, None) if coverage is None else (coverage.counted, coverage.total)


def _add_measurement(session: Session, row: RegistryRow, now: datetime) -> None:
    result = session.connection().execute(
        _totals_query().where(col(SpaceRow.registry_name) == row.name)
    )
    totals = _space_totals(result.first())
    session.merge(
        MeasurementRow(
            registry_name=row.name,
            at=now,
            spaces=totals.space_count,
            repositories=totals.repository_count or 0,
            storage_used=row.storage_used if row.storage_used is not None else totals.storage_used,
        )
    )
    session.exec(delete(MeasurementRow).where(col(MeasurementRow.at) < now - _RETENTION))


def list_storage_totals(
    session: Session, times: Sequence[datetime]
) -> tuple[tuple[datetime, int], ...]:
    """Return the bytes used in all registries at each time, from the last measurement before it.

    One query that reads a few rows for each registry and time, however many measurements there are.
    Times before the first measurement are omitted.
    """
    if not times:
        return ()
    points = union_all(*(select(literal(at, UtcDateTime).label("at")) for at in times)).cte()
    last = (
        select(col(MeasurementRow.storage_used))
        .where(
            col(MeasurementRow.registry_name) == RegistryRow.name,
            col(MeasurementRow.at) <= points.c.at,
            col(MeasurementRow.storage_used).is_not(None),
        )
        .order_by(col(MeasurementRow.at).desc())
        .limit(1)
        .correlate(RegistryRow, points)
        .scalar_subquery()
    )
    pairs = select(points.c.at.label("at"), last.label("used")).join(RegistryRow, true())
    values = pairs.subquery()
    total = func.sum(values.c.used)
    totals = select(values.c.at, total).group_by(values.c.at).order_by(values.c.at)
    rows = session.connection().execute(totals)
    return tuple((at, int(used)) for at, used in rows if used is not None)


def list_measurements(session: Session, since: datetime) -> tuple[Measurement, ...]:
    """Return the measurements since a time, oldest first."""
    rows = session.exec(
        sqlmodel.select(MeasurementRow)
        .where(col(MeasurementRow.at) >= since)
        .order_by(col(MeasurementRow.at))
    )
    return tuple(
        Measurement(registry=row.registry_name, at=row.at, storage_used=row.storage_used)
        for row in rows
    )
