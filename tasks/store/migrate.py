"""Bring the database to the tables of this version (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from tasks.store.session import engine_for

_LOCK = 7216_5530
"""Any number, the same for all of us: PostgreSQL's advisory lock around a migration."""


def config() -> Config:
    """Return Alembic's configuration; the migrations lie beside this file."""
    found = Config()
    found.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return found


def migrate(url: str) -> None:
    """Create or upgrade the tables. Several machines may do so at once: one does, others wait."""
    with engine_for(url).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
