"""Migrate the database schema to this version (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from tasks.store.session import get_engine

_LOCK_ID = 7216_5530
"""Key of PostgreSQL's advisory lock around a migration; arbitrary, the same in all processes."""


def build_alembic_config() -> Config:
    """Return the Alembic configuration for the `migrations` folder next to this file."""
    alembic_config = Config()
    alembic_config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return alembic_config


def migrate(url: str) -> None:
    """Create or upgrade the tables. Concurrent calls are safe: one migrates, the others wait."""
    with get_engine(url).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_ID})"))
        alembic_config = build_alembic_config()
        alembic_config.attributes["connection"] = connection
        command.upgrade(alembic_config, "head")
