"""Records of registries."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from sqlalchemy import String, cast, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from models.core.audit import AuditEntry
from models.core.errors import InvalidRequest
from models.core.runs.context import RunContext
from models.core.suggestion import did_you_mean
from models.registries.condition import PULL_USER_TYPES, Condition, ConditionType
from models.registries.observation import Coverage
from models.registries.record import RegistryRecord
from models.registries.registry import Registry
from models.registries.runs.baseline import Baseline
from models.registries.schedule import PollHistory, PullUserAttempts
from models.tables import (
    BindingRow,
    ChangeResultRow,
    ConditionRow,
    DepartureRow,
    LeaseRow,
    MeasurementRow,
    RegistryRow,
    RobotAccountRow,
    SpaceRow,
)
from tasks.store import audit
from tasks.store.registries import credential_origins, images
from tasks.store.upsert import upsert

_CONDITION_FIELDS = set(Condition.model_fields)


def list_registries(
    session: Session, names: Collection[str] | None = None
) -> tuple[RegistryRecord, ...]:
    """Return registries with their conditions, sorted by name; the named ones, or all."""
    condition_query, query = select(ConditionRow), select(RegistryRow)
    if names is not None:
        condition_query = condition_query.where(col(ConditionRow.registry_name).in_(names))
        query = query.where(col(RegistryRow.name).in_(names))
    conditions: dict[str, list[Condition]] = defaultdict(list)
    for row in session.exec(condition_query):
        conditions[row.registry_name].append(Condition(**row.model_dump(include=_CONDITION_FIELDS)))
    registry_rows = session.exec(query.order_by(col(RegistryRow.name)))
    return tuple(_to_record(row, conditions[row.name]) for row in registry_rows)


def get_registry(session: Session, name: str) -> RegistryRecord:
    """Return the record of a registry.

    Raises:
        InvalidRequest: there is no registry with this name; the message lists the existing ones.
    """
    row = session.get(RegistryRow, name)
    if row is None:
        names = session.exec(select(RegistryRow.name).order_by(col(RegistryRow.name))).all()
        available_names = ", ".join(names[:20]) or "none; run integrate-registry"
        raise InvalidRequest(
            f"there is no registry {name!r}; integrated registries: {available_names}"
            f"{did_you_mean(name, names)}"
        )
    condition_rows = session.exec(
        select(ConditionRow).where(col(ConditionRow.registry_name) == name)
    )
    conditions = [Condition(**row.model_dump(include=_CONDITION_FIELDS)) for row in condition_rows]
    return _to_record(row, conditions)


def _to_record(row: RegistryRow, conditions: Iterable[Condition]) -> RegistryRecord:
    return RegistryRecord(
        registry=_to_registry(row),
        integrated_at=row.integrated_at,
        conditions=tuple(
            sorted(conditions, key=lambda condition: list(ConditionType).index(condition.type))
        ),
        poll_history=PollHistory(
            observed_at=row.looked_at,
            seconds=row.look_seconds,
            failures=row.failures,
            lease_lost_at=row.doubted_at,
        ),
        spaces_read_at=row.spaces_read_at,
        baseline=_to_baseline(row.baseline),
        storage_read_at=row.storage_read_at,
        storage_used=row.storage_used,
        storage_note=row.storage_note,
        pull_user_proof=row.pull_user_proof,
        pull_user_attempts=PullUserAttempts(
            refused=row.pull_user_refused,
            failures=row.pull_user_failures,
            tried_at=row.pull_user_tried_at,
        ),
        storage_coverage=to_coverage(row.storage_counted, row.storage_tags),
        storage_due_at=row.storage_due_at,
    )


def _to_baseline(values: Mapping[str, Any] | None) -> Baseline | None:
    """Return a baseline from its column; None for one that another version saved."""
    try:
        return Baseline.model_validate(values) if values else None
    except ValidationError:
        return None


def to_coverage(counted: int | None, total: int | None) -> Coverage | None:
    """Return a coverage from its columns; None if they have none."""
    if counted is None or total is None:
        return None
    return Coverage(counted=counted, total=total)


def _to_registry(row: RegistryRow) -> Registry:
    values = row.model_dump(include=set(Registry.model_fields))
    return Registry.model_validate({**values, "pull_addresses": values["pull_addresses"] or ()})


def _list_specs(session: Session) -> tuple[Registry, ...]:
    return tuple(_to_registry(row) for row in session.exec(select(RegistryRow)))


def list_names(session: Session) -> frozenset[str]:
    """Return the names of all registries."""
    return frozenset(session.exec(select(RegistryRow.name)))


def list_with_name_or_host(session: Session, registry: Registry) -> tuple[Registry, ...]:
    """Return the registries that have the name or a host of this one, or pull addresses."""
    origins = [
        f"{scheme}://{host}" for host in registry.image_hosts for scheme in ("https", "http")
    ]
    query = select(RegistryRow).where(
        or_(
            col(RegistryRow.name) == registry.name,
            col(RegistryRow.address).in_(origins),
            cast(col(RegistryRow.pull_addresses), String).startswith('["'),
        )
    )
    return tuple(_to_registry(row) for row in session.exec(query))


def add_registry(
    session: Session, registry: Registry, entry: AuditEntry, context: RunContext
) -> None:
    """Add a registry, with the audit entry of its integration.

    Raises:
        InvalidRequest: another run has added one with this name or address.
    """
    row = RegistryRow(integrated_at=context.now, name=registry.name, **_row_values(registry))
    session.add(row)
    try:
        session.flush()
    except IntegrityError:
        message = f"{registry.name!r} or {registry.address} was just integrated by another run"
        raise InvalidRequest(message) from None
    audit.append(session, registry.name, [entry], context)


def replace_registry(
    session: Session,
    registry: Registry,
    entry: AuditEntry,
    context: RunContext,
    *,
    renews_pull_user: bool = False,
) -> None:
    """Replace the specification of a registry, which was tested; its name does not change.

    What is on record about another pull-only user, or about this one at another address, is
    deleted.

    Args:
        registry: the specification.
        entry, context: for the audit.
        renews_pull_user: whether the block of the pull-only user was selected again: it may have
            another password.
    """
    row = session.get_one(RegistryRow, registry.name)
    reference = registry.pull_credential
    is_other_user = row.pull_credential != (
        reference.model_dump(mode="json") if reference else None
    )
    retry_pull_user(session, registry.name)
    if is_other_user or renews_pull_user or row.address != registry.address:
        row.pull_user_proof = ""
        session.exec(
            delete(ConditionRow).where(
                col(ConditionRow.registry_name) == registry.name,
                col(ConditionRow.type).in_(PULL_USER_TYPES),
            )
        )
    session.add(row.sqlmodel_update(_row_values(registry)))
    if not (registry.count_storage or registry.capabilities.reports_storage):
        images.delete_count(session, registry.name)
    credential_origins.delete_unused(session, _list_specs(session))
    audit.append(session, registry.name, [entry], context)


def retry_pull_user(session: Session, name: str) -> None:
    """Forget the refusals of a pull-only user that was just accepted by the registry."""
    row = session.get_one(RegistryRow, name)
    row.pull_user_refused, row.pull_user_failures, row.pull_user_tried_at = "", 0, None
    session.add(row)


def reset(session: Session, name: str) -> None:
    """Delete the observations and robot accounts of a registry that was replaced by another."""
    row = lock_row(session, name)
    for table in (RobotAccountRow, DepartureRow, SpaceRow, ChangeResultRow):
        session.exec(delete(table).where(col(table.registry_name) == name))
    images.delete_count(session, name)
    if row is not None:
        row.baseline = None
        row.spaces_read_at = row.storage_read_at = row.storage_used = None
        session.add(row)


def _row_values(registry: Registry) -> dict[str, Any]:
    return registry.model_dump(mode="json", exclude={"name"})


def lock_row(session: Session, name: str) -> RegistryRow | None:
    """Return the row of a registry, locked until the transaction ends.

    Call this before writing rows that belong to a registry. Otherwise two transactions that lock
    many rows in different orders could deadlock (PostgreSQL).
    """
    return session.get(RegistryRow, name, with_for_update=True)


def lock_spaces(session: Session, name: str) -> None:
    """Lock a registry before its spaces are saved or deleted, and delete its baseline.

    The baseline says that the records of spaces match the registry, without a digest of them.
    """
    row = lock_row(session, name)
    if row is not None and row.baseline is not None:
        row.baseline = None
        session.add(row)


def save_conditions(session: Session, registry: str, conditions: Iterable[Condition]) -> None:
    """Save the conditions of a registry."""
    rows = [{"registry_name": registry, **condition.model_dump()} for condition in conditions]
    upsert(session, ConditionRow, rows)


def delete_registry(session: Session, name: str, entry: AuditEntry, context: RunContext) -> None:
    """Delete the records of a registry, except its audit log.

    The digest of its page is deleted too, so that a registry integrated again gets a new page.
    """
    lock_row(session, name)
    images.delete_count(session, name)
    tables = (BindingRow, RobotAccountRow, DepartureRow, ConditionRow, SpaceRow, ChangeResultRow)
    for table in (*tables, MeasurementRow):
        session.exec(delete(table).where(col(table.registry_name) == name))
    session.exec(delete(LeaseRow).where(col(LeaseRow.key) == name))
    session.exec(delete(RegistryRow).where(col(RegistryRow.name) == name))
    credential_origins.delete_unused(session, _list_specs(session))
    audit.append(session, name, [entry], context)
