"""Bring the database to the tables of this version (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from tasks.store.session import get_engine

_LOCK_ID = 7216_5530
"""Any number, the same for all of us: PostgreSQL's advisory lock around a migration."""


def build_alembic_config() -> Config:
    """Return Alembic's configuration; the migrations lie beside this file."""
    alembic_config = Config()
    alembic_config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return alembic_config


def migrate(url: str) -> None:
    """Create or upgrade the tables. Several machines may do so at once: one does, others wait."""
    with get_engine(url).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_ID})"))
        alembic_config = build_alembic_config()
        alembic_config.attributes["connection"] = connection
        command.upgrade(alembic_config, "head")
