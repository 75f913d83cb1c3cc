"""The database in force for this process."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from models.core.settings import get_settings
from tasks.store.migrate import migrate
from tasks.store.session import get_engine

DATABASE = "REGISTRY_INTEGRATION_DATABASE_URL"


@contextmanager
def use_database(url: str) -> Iterator[str]:
    """Let everything be stored at `url` until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATABASE, url)
        get_settings.cache_clear()
        try:
            yield url
        finally:  # a failed test leaves nothing to the next one
            get_engine(url).dispose()
            get_engine.cache_clear()
            get_settings.cache_clear()


def migrated_sqlite(folder: Path) -> str:
    """Put a database with all tables into a folder, and return its URL."""
    file = folder / "state.db"
    file.write_bytes(_all_tables())
    return f"sqlite:///{file}"


@cache
def _all_tables() -> bytes:
    """Migrate once; a copy is as good, and quicker."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.db"
        migrate(f"sqlite:///{file}")
        get_engine(f"sqlite:///{file}").dispose()  # the last to leave empties the write-ahead log
        return file.read_bytes()
