"""Spaces as they are remembered and desired."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlmodel import Session, col, delete

from models.access.requests import wish_entries
from models.registries.space import Space
from models.tables import SpaceRow
from tasks.store import audit, leases
from tasks.store.access import bindings
from tasks.store.registries import registries
from tasks.store.upsert import upsert

_SPACES = TypeAdapter(tuple[Space, ...])
GONE = "the space was missing from the registry beyond its grace and is forgotten"
_COLUMNS = [getattr(SpaceRow, name) for name in Space.model_fields]


def spaces(session: Session, registry: str) -> tuple[Space, ...]:
    """Return all spaces of a registry, by name."""
    found = session.connection().execute(
        select(*_COLUMNS)
        .where(col(SpaceRow.registry_name) == registry)
        .order_by(col(SpaceRow.name))
    )
    return _SPACES.validate_python([row._asdict() for row in found])


def remember(session: Session, registry: str, records: Iterable[Space]) -> None:
    """Write down spaces; their storage figures stay as they are."""
    registries.locked(session, registry)
    rows = [{"registry_name": registry, **record.model_dump()} for record in records]
    upsert(session, SpaceRow, rows)


def wish(
    session: Session,
    registry: str,
    wishes: Iterable[Space],
    *,
    holder: str,
    at: datetime,
    flow_run: str,
) -> None:
    """Store what is desired of spaces, before it is carried out, and audit it.

    Raises:
        Busy: the run lost its lease meanwhile; nothing is stored.
    """
    leases.check_held(session, registry, holder)
    wanted = tuple(wishes)
    remember(session, registry, wanted)
    audit.write(session, registry, wish_entries(wanted), at=at, flow_run=flow_run)


def forget(
    session: Session, registry: str, names: Iterable[str], *, at: datetime, flow_run: str
) -> None:
    """Drop spaces; what they are bound to is held, so that no later space of a name inherits it."""
    listed = list(names)
    reasons = dict.fromkeys(listed, GONE)
    bindings.hold_spaces(session, registry, reasons, at=at, flow_run=flow_run)
    for start in range(0, len(listed), 500):
        session.exec(
            delete(SpaceRow).where(
                col(SpaceRow.registry_name) == registry,
                col(SpaceRow.name).in_(listed[start : start + 500]),
            )
        )
