"""The same tests on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel

from tasks.store.migrate import migrate
from tasks.store.session import get_engine
from tests.real.postgres import Postgres
from tests.support.databases import migrated_sqlite, use_database


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables, in force for this process."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'state.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    with use_database(url):
        yield url


@pytest.fixture(scope="session")
def migrated_postgres(real_postgres: Postgres) -> Iterator[str]:
    """The URL of a database with all tables, for all tests one after the other."""
    with real_postgres.fresh_database() as url:
        migrate(url)
        get_engine(url).dispose()
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with all tables and no rows, in force for this process."""
    if request.param == "sqlite":
        with use_database(migrated_sqlite(tmp_path)) as url:
            yield url
    else:
        with use_database(request.getfixturevalue("migrated_postgres")) as url:
            yield url
            with get_engine(url).begin() as connection:
                tables = ", ".join(f'"{name}"' for name in SQLModel.metadata.tables)
                connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
