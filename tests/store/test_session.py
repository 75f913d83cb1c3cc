"""SQLite as several processes use it."""

import time
from pathlib import Path

from sqlalchemy import text

from tasks.store.session import engine_for
from tests.processes import finish, preload, start

preload("tasks.store.session")

_FILES = 40
_APART = 0.04


def _open_all(folder: Path, beginning: float) -> None:
    """Open one new database after the other, each at the same moment as the others do."""
    for number in range(_FILES):
        engine = engine_for(f"sqlite:///{folder / f'{number}.db'}")
        while time.time() < beginning + number * _APART:
            pass
        with engine.connect() as connection:
            assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_several_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    beginning = time.time() + 3
    finish(*(start({}, _open_all, tmp_path, beginning) for _ in range(2)))
