"""Counters of all runs. Their rows are never deleted, so that no counter goes backwards."""

from sqlalchemy import inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from models.core.runs.counters import CounterKey, CounterName, Counters
from models.tables import CounterRow

_KNOWN_NAMES = frozenset(map(str, CounterName))


def add_counters(session: Session, counters: Counters) -> None:
    """Add what one run has counted, in one statement.

    The rows are in one order, so that two runs do not lock each other out.
    """
    if not counters:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(inspect(CounterRow).local_table).values(
        [{**key._asdict(), "value": value} for key, value in sorted(counters.items())]
    )
    total = col(CounterRow.value) + statement.excluded.value
    session.connection().execute(
        statement.on_conflict_do_update(
            index_elements=["name", "label", "outcome"], set_={"value": total}
        )
    )


def list_counters(session: Session) -> dict[CounterKey, float]:
    """Return all counters; those of another version, which this one does not know, are omitted."""
    return {
        CounterKey(CounterName(row.name), row.label, row.outcome): row.value
        for row in session.exec(select(CounterRow))
        if row.name in _KNOWN_NAMES
    }
