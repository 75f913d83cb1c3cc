"""Records of spaces: observed and desired state."""

from collections.abc import Iterable

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlmodel import Session, col, delete

from models.access.requests import desired_space_entries
from models.core.run_context import RunContext
from models.registries.space import Space
from models.tables import SpaceRow
from tasks.store import audit, leases
from tasks.store.access import bindings
from tasks.store.registries import registries
from tasks.store.upsert import upsert

_SPACES_ADAPTER = TypeAdapter(tuple[Space, ...])
EXPIRED_REASON = "the space was missing from the registry for longer than the grace period"
_COLUMNS = [getattr(SpaceRow, name) for name in Space.model_fields]


def list_spaces(session: Session, registry: str) -> tuple[Space, ...]:
    """Return all spaces of a registry, sorted by name."""
    rows = session.connection().execute(
        select(*_COLUMNS)
        .where(col(SpaceRow.registry_name) == registry)
        .order_by(col(SpaceRow.name))
    )
    return _SPACES_ADAPTER.validate_python([row._asdict() for row in rows])


def save_spaces(session: Session, registry: str, records: Iterable[Space]) -> None:
    """Save spaces; their storage statistics are not changed."""
    registries.lock_row(session, registry)
    rows = [{"registry_name": registry, **record.model_dump()} for record in records]
    upsert(session, SpaceRow, rows)


def save_desired(
    session: Session, registry: str, desired: Iterable[Space], context: RunContext
) -> None:
    """Save and audit the desired state of spaces, before it is applied.

    Raises:
        LeaseHeld: the lease was lost; nothing is saved.
    """
    leases.check_lease(session, registry, context.lease_id)
    desired_spaces = tuple(desired)
    save_spaces(session, registry, desired_spaces)
    audit.append(session, registry, desired_space_entries(desired_spaces), context)


def delete_spaces(
    session: Session, registry: str, names: Iterable[str], context: RunContext
) -> None:
    """Delete spaces and hold their bindings: a later space of the same name inherits no access."""
    space_names = list(names)
    reasons = dict.fromkeys(space_names, EXPIRED_REASON)
    bindings.hold_bindings_of_spaces(session, registry, reasons, context)
    for start in range(0, len(space_names), 500):
        session.exec(
            delete(SpaceRow).where(
                col(SpaceRow.registry_name) == registry,
                col(SpaceRow.name).in_(space_names[start : start + 500]),
            )
        )
