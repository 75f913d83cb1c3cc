"""The same tests on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.store.migrating import migrate
from tests.databases import in_force


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables, in force for this process."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'state.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    with in_force(url):
        yield url


@pytest.fixture
def database(empty_database: str) -> str:
    """The same with all tables."""
    migrate(empty_database)
    return empty_database
