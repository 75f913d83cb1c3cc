"""Times, and writing many rows at once."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import Session

from models.tables import LeaseRow, RegistryRow, SpaceRow
from tasks.store.session import run_in_transaction
from tasks.store.upsert import upsert
from tests.support.builders import NOW
from tests.tasks.store.tools import integrate, rows

pytestmark = pytest.mark.usefixtures("database")


def _lease(expires_at: datetime) -> LeaseRow:
    return LeaseRow(key="prod", holder="me", expires_at=expires_at)


@pytest.mark.parametrize(
    "at",
    [
        NOW,
        datetime(2026, 3, 1, 12, 0, 0, 123456, UTC),
        datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(2026, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-3))),
    ],
)
def test_times_come_back_as_aware_utc(at: datetime) -> None:
    run_in_transaction(lambda session: session.add(_lease(at)))
    saved_time = rows(LeaseRow)[0].expires_at
    assert (saved_time, saved_time.tzinfo) == (at, UTC)


def test_naive_times_are_refused() -> None:
    with pytest.raises(StatementError, match="naive datetime"):
        run_in_transaction(lambda session: session.add(_lease(datetime(2026, 3, 1))))
    assert rows(LeaseRow) == []


def _spaces(*space_rows: dict[str, object]) -> None:
    run_in_transaction(upsert, SpaceRow, [{"registry_name": "prod", **row} for row in space_rows])


def test_upsert_inserts_and_updates_what_is_named() -> None:
    integrate()
    _spaces({"name": "a", "declared": False, "storage_used": 5})
    _spaces({"name": "a", "declared": True}, {"name": "b", "declared": False})
    saved_rows = {row.name: (row.declared, row.storage_used) for row in rows(SpaceRow)}
    assert saved_rows == {"a": (True, 5), "b": (False, None)}


def test_upsert_of_nothing() -> None:
    run_in_transaction(upsert, SpaceRow, [])
    assert rows(SpaceRow) == []


def test_spaces_belong_to_a_registry() -> None:
    with pytest.raises(IntegrityError):
        _spaces({"name": "a", "declared": False})


def test_a_transaction_is_all_or_nothing() -> None:
    integrate()

    def half(session: Session) -> None:
        session.get_one(RegistryRow, "prod").description = "changed"
        session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_in_transaction(half)
    assert rows(RegistryRow)[0].description == ""
