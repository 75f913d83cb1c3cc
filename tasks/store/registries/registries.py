"""Registries and what is remembered of them."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from models.core.audit import Entry
from models.core.errors import InputRefused
from models.registries.condition import Condition, ConditionType
from models.registries.credential_origin import CredentialOrigin
from models.registries.record import Dossier
from models.registries.registry import Registry
from models.registries.schedule import Track
from models.tables import (
    BindingRow,
    ConditionRow,
    DepartureRow,
    GrantRow,
    LeaseRow,
    MeasurementRow,
    OutcomeRow,
    PublicationRow,
    RegistryRow,
    SpaceRow,
)
from tasks.store import audit
from tasks.store.registries import credential_origins
from tasks.store.upsert import upsert

_CONDITION = set(Condition.model_fields)


def dossiers(session: Session) -> tuple[Dossier, ...]:
    """Return all registries with their conditions, by name."""
    conditions: dict[str, list[Condition]] = defaultdict(list)
    for row in session.exec(select(ConditionRow)):
        conditions[row.registry_name].append(Condition(**row.model_dump(include=_CONDITION)))
    rows = session.exec(select(RegistryRow).order_by(col(RegistryRow.name)))
    return tuple(_dossier(row, conditions[row.name]) for row in rows)


def dossier(session: Session, name: str) -> Dossier:
    """Return one registry.

    Raises:
        InputRefused: there is none of that name; the message lists those there are.
    """
    row = session.get(RegistryRow, name)
    if row is None:
        known = session.exec(select(RegistryRow.name).order_by(col(RegistryRow.name))).all()
        listed = ", ".join(known[:20]) or "none yet; run integrate-registry"
        raise InputRefused(f"there is no registry {name!r} here; known are: {listed}")
    found = session.exec(select(ConditionRow).where(col(ConditionRow.registry_name) == name))
    return _dossier(row, [Condition(**one.model_dump(include=_CONDITION)) for one in found])


def _dossier(row: RegistryRow, conditions: Iterable[Condition]) -> Dossier:
    return Dossier(
        registry=Registry.model_validate(row.model_dump(include=set(Registry.model_fields))),
        integrated_at=row.integrated_at,
        conditions=tuple(sorted(conditions, key=lambda one: list(ConditionType).index(one.type))),
        track=Track(
            looked_at=row.looked_at,
            seconds=row.look_seconds,
            failures=row.failures,
            doubted_at=row.doubted_at,
        ),
        spaces_read_at=row.spaces_read_at,
        storage_read_at=row.storage_read_at,
        storage_used=row.storage_used,
        storage_note=row.storage_note,
    )


def names(session: Session) -> frozenset[str]:
    """Return the names of all registries."""
    return frozenset(session.exec(select(RegistryRow.name)))


def check_free(session: Session, registry: Registry) -> Registry | None:
    """Make sure that a name and an address are not taken by another registry.

    Returns:
        The registry of that name if it is at that very address already, so that an integration
        that was cut short can go on; None if both are free.

    Raises:
        InputRefused: one of them is taken; the message says by whom and what to do.
    """
    check_address(session, registry)
    row = session.get(RegistryRow, registry.name)
    if row is None:
        return None
    if row.address == registry.address and row.kind == registry.kind:
        return _dossier(row, ()).registry
    raise InputRefused(
        f"the name {registry.name!r} is taken by {row.address}; choose another name, or run "
        "update-registry to give it this address"
    )


def check_address(session: Session, registry: Registry) -> None:
    """Make sure that no other registry has this one's address, or its host under another scheme.

    Raises:
        InputRefused: one has; the message says which and what to do.
    """
    host = registry.where.netloc
    others = session.exec(
        select(RegistryRow.name, RegistryRow.address).where(
            col(RegistryRow.address).in_([f"https://{host}", f"http://{host}"]),
            col(RegistryRow.name) != registry.name,
        )
    ).first()
    if others is not None:
        taken, address = others
        raise InputRefused(
            f"{address} is integrated already as {taken!r}, and image references do not tell "
            f"http from https; run remove-registry for {taken!r} first"
        )


def add(
    session: Session,
    registry: Registry,
    entry: Entry,
    *,
    at: datetime,
    flow_run: str,
    given: Iterable[CredentialOrigin] = (),
) -> None:
    """Add a registry; one of that name, kind and address is brought up to date instead.

    If it is here just like that, an integration that was cut short goes on: that is no news.

    Args:
        given: where a person permits its credentials to be sent.

    Raises:
        InputRefused: its name or address is taken.
    """
    credential_origins.save(session, given)
    known = check_free(session, registry)
    if known is None:
        _insert(session, registry, at)
        audit.write(session, registry.name, [entry], at=at, flow_run=flow_run)
    elif known != registry:
        again = {"what": "registry.updated", "before": known.address, "why": "integrated again"}
        replace(session, registry, entry.model_copy(update=again), at=at, flow_run=flow_run)


def _insert(session: Session, registry: Registry, at: datetime) -> None:
    session.add(RegistryRow(integrated_at=at, name=registry.name, **_columns(registry)))
    try:
        session.flush()
    except IntegrityError:
        said = f"{registry.name!r} or {registry.address} was integrated by another run just now"
        raise InputRefused(said) from None


def replace(
    session: Session,
    registry: Registry,
    entry: Entry,
    *,
    at: datetime,
    flow_run: str,
    given: Iterable[CredentialOrigin] = (),
) -> None:
    """Replace what is known of a registry, its name kept.

    Args:
        given: where a person permits its credentials to be sent.

    Raises:
        InputRefused: the address is another registry's.
    """
    check_address(session, registry)
    row = session.get_one(RegistryRow, registry.name)
    session.add(row.sqlmodel_update(_columns(registry)))
    credential_origins.save(session, given)
    credential_origins.prune(session)
    audit.write(session, registry.name, [entry], at=at, flow_run=flow_run)


def tell(session: Session, name: str, entry: Entry, *, at: datetime, flow_run: str) -> None:
    """Write down something about a registry that changes nothing of it."""
    audit.write(session, name, [entry], at=at, flow_run=flow_run)


def start_over(session: Session, name: str) -> None:
    """Forget what was seen of a registry and made in it: another one stands in its place."""
    row = locked(session, name)
    for table in (GrantRow, DepartureRow, SpaceRow, OutcomeRow):
        session.exec(delete(table).where(col(table.registry_name) == name))
    if row is not None:
        row.spaces_read_at = row.storage_read_at = row.storage_used = None
        session.add(row)


def _columns(registry: Registry) -> dict[str, Any]:
    return registry.model_dump(mode="json", exclude={"name"})


def locked(session: Session, name: str) -> RegistryRow | None:
    """Return a registry's row, locked until the transaction ends.

    Whoever writes what belongs to a registry does this first: two that lock many rows in different
    orders would wait for each other (PostgreSQL).
    """
    return session.get(RegistryRow, name, with_for_update=True)


def save_conditions(session: Session, registry: str, conditions: Iterable[Condition]) -> None:
    """Write a registry's conditions."""
    rows = [{"registry_name": registry, **condition.model_dump()} for condition in conditions]
    upsert(session, ConditionRow, rows)


def remove(session: Session, name: str, entry: Entry, *, at: datetime, flow_run: str) -> None:
    """Forget a registry and all that belongs to it, except its audit.

    Its page is forgotten too, so that one who comes back gets a new one.
    """
    locked(session, name)
    tables = (BindingRow, GrantRow, DepartureRow, ConditionRow, SpaceRow, OutcomeRow)
    for table in (*tables, MeasurementRow):
        session.exec(delete(table).where(col(table.registry_name) == name))
    session.exec(delete(LeaseRow).where(col(LeaseRow.key) == name))
    session.exec(delete(PublicationRow).where(col(PublicationRow.key) == f"registry-{name}"))
    session.exec(delete(RegistryRow).where(col(RegistryRow.name) == name))
    credential_origins.prune(session)
    audit.write(session, name, [entry], at=at, flow_run=flow_run)
