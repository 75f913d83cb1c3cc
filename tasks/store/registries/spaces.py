"""Records of spaces: observed and desired state."""

from collections import defaultdict
from collections.abc import Iterable

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlmodel import Session, col, delete

from models.core.audit import AuditEntry
from models.core.runs.context import RunContext
from models.registries.space import Space
from models.tables import SpaceRow
from tasks.store import audit, leases
from tasks.store.registries import registries
from tasks.store.upsert import upsert

_SPACES_ADAPTER = TypeAdapter(tuple[Space, ...])
_COLUMNS = [getattr(SpaceRow, name) for name in Space.model_fields]


def list_spaces(session: Session, registry: str) -> tuple[Space, ...]:
    """Return all spaces of a registry, sorted by name."""
    rows = session.connection().execute(
        select(*_COLUMNS)
        .where(col(SpaceRow.registry_name) == registry)
        .order_by(col(SpaceRow.name))
    )
    return _SPACES_ADAPTER.validate_python([row._asdict() for row in rows])


def list_all_spaces(session: Session) -> dict[str, dict[str, Space]]:
    """Return the spaces of all registries, by registry and name, with one query."""
    rows = session.connection().execute(
        select(col(SpaceRow.registry_name), *_COLUMNS).order_by(
            col(SpaceRow.registry_name), col(SpaceRow.name)
        )
    )
    by_registry: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        values = row._asdict()
        by_registry[values.pop("registry_name")].append(values)
    return {
        registry: {space.name: space for space in _SPACES_ADAPTER.validate_python(values)}
        for registry, values in by_registry.items()
    }


def get_space(session: Session, registry: str, name: str) -> Space | None:
    """Return a space of a registry; None if it is not on record."""
    row = session.get(SpaceRow, (registry, name))
    return Space.model_validate(row.model_dump(include=set(Space.model_fields))) if row else None


def save_spaces(session: Session, registry: str, records: Iterable[Space]) -> None:
    """Save spaces; their storage statistics are not changed."""
    rows = [{"registry_name": registry, **record.model_dump()} for record in records]
    if rows:
        registries.lock_spaces(session, registry)
        upsert(session, SpaceRow, rows)


def save_desired(
    session: Session,
    registry: str,
    desired: Iterable[Space],
    entries: Iterable[AuditEntry],
    context: RunContext,
) -> None:
    """Save and audit the desired state of spaces, before it is applied.

    Raises:
        LeaseHeld: the lease was lost; nothing is saved.
    """
    leases.check_lease(session, registry, context.lease_id)
    save_spaces(session, registry, desired)
    audit.append(session, registry, entries, context)


def delete_spaces(session: Session, registry: str, names: Iterable[str]) -> None:
    """Delete spaces; their bindings are kept."""
    space_names = list(names)
    if space_names:
        registries.lock_spaces(session, registry)
    for start in range(0, len(space_names), 500):
        session.exec(
            delete(SpaceRow).where(
                col(SpaceRow.registry_name) == registry,
                col(SpaceRow.name).in_(space_names[start : start + 500]),
            )
        )
