"""Migrate the database schema to this version (Alembic)."""

import re
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from models.core.errors import InvalidRequest
from tasks.store.schema_revision import read_revision, require_restored
from tasks.store.session import get_engine

_LOCK_ID = 7216_5530
"""Key of PostgreSQL's advisory lock around a migration; arbitrary, the same in all processes."""
_DEVELOPMENT_REVISION = re.compile("000[1-9]")
"""Revisions before the first release; `1001` replaces them and cannot upgrade them."""


def build_alembic_config() -> Config:
    """Return the Alembic configuration for the `migrations` folder next to this file."""
    alembic_config = Config()
    alembic_config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return alembic_config


def migrate(url: str, alembic_config: Config | None = None) -> None:
    """Create or upgrade the tables. Concurrent calls are safe: one migrates, the others wait.

    All revisions are applied in one transaction: after an error, the database is as before.

    Args:
        url: the database.
        alembic_config: configuration with the revisions; None for those of this version.

    Raises:
        InvalidRequest: the database has a revision that this version does not know.
    """
    with get_engine(url).begin() as connection:
        upgrade(connection, alembic_config or build_alembic_config())


def upgrade(connection: Connection, alembic_config: Config) -> None:
    """Do the same in the transaction of a connection.

    Raises:
        InvalidRequest: the database has a revision that this version does not know.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_ID})"))
    _check_known(read_revision(connection), ScriptDirectory.from_config(alembic_config))
    alembic_config.attributes["connection"] = connection
    command.upgrade(alembic_config, "head")


def _check_known(revision: str | None, scripts: ScriptDirectory) -> None:
    require_restored(revision)
    if revision is None or revision in {script.revision for script in scripts.walk_revisions()}:
        return
    if _DEVELOPMENT_REVISION.fullmatch(revision):
        raise InvalidRequest(
            f"the database was created before the first release (schema revision {revision}) and "
            "cannot be upgraded: with the version that created it, run remove-registry and "
            "remove-cluster to delete its robot accounts and pull secrets, then start this version "
            "with a new data directory or an empty database"
        )
    raise InvalidRequest(
        f"the database schema has revision {revision}, which this version does not know: start "
        "the newer version that created it, or use another database"
    )
