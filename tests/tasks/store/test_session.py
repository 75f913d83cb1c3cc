"""SQLite as several processes use it."""

import time
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session, SQLModel

from tasks.store.session import get_engine, in_snapshot, run_in_snapshot, run_in_transaction
from tests.support.builders import NOW
from tests.support.processes import finish, preload, start

preload("tasks.store.session")

_FILES = 40
_APART = 0.04


def _open_all(folder: Path, beginning: float) -> None:
    """Open one new database after the other, each at the same moment as the others do."""
    for number in range(_FILES):
        engine = get_engine(f"sqlite:///{folder / f'{number}.db'}")
        while time.time() < beginning + number * _APART:
            pass
        with engine.connect() as connection:
            assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_several_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    beginning = time.time() + 3
    finish(*(start({}, _open_all, tmp_path, beginning) for _ in range(2)))


def test_a_commit_is_on_the_disk(tmp_path: Path) -> None:
    with get_engine(f"sqlite:///{tmp_path / 'state.db'}").connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2  # FULL


def test_no_error_tells_what_was_stored(database: str) -> None:
    row = {"id": 1, "at": NOW, "registry_name": "prod", "subject": "s", "before": "sealed-S3"}
    table = SQLModel.metadata.tables["audit"]
    with pytest.raises(IntegrityError) as excinfo:
        run_in_transaction(lambda session: session.connection().execute(insert(table), row))
    assert "audit" in str(excinfo.value)
    assert "sealed-S3" not in str(excinfo.value).replace(str(excinfo.value.orig), "")


def _count_leases(session: Session) -> int:
    return int(session.connection().execute(text("SELECT count(*) FROM lease")).scalar_one())


def _add_lease(session: Session, key: str = "prod") -> None:
    row = {"key": key, "holder": "x", "flow_run": "", "expires_at": NOW}
    session.connection().execute(insert(SQLModel.metadata.tables["lease"]), row)


def test_a_snapshot_shows_one_state_and_does_not_wait_for_a_run_that_writes(database: str) -> None:
    def read(session: Session) -> tuple[int, int]:
        before = _count_leases(session)
        run_in_transaction(_add_lease)
        return before, _count_leases(session)

    def write(session: Session) -> int:
        _add_lease(session, "shop")
        return run_in_snapshot(_count_leases)  # while this transaction is open

    assert run_in_snapshot(read) == (0, 0)
    assert run_in_transaction(write) == 1
    assert run_in_snapshot(_count_leases) == 2


async def test_a_snapshot_writes_nothing(database: str) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"):
        await in_snapshot(_add_lease)
    run_in_transaction(_add_lease)  # the same connection, for a run that may write
    assert await in_snapshot(_count_leases) == 1
