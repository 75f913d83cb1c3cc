"""Check of the database schema revision.

Every process checks it, so this module does not import Alembic, which takes a third of a second.
"""

from sqlalchemy import Connection, inspect, text

from models.core.errors import InvalidRequest

HEAD_REVISION = "1015"
"""The newest migration. A test fails if this is outdated."""

RESTORING = "restoring-"
"""Before the revision of a database while it is restored; stays if that is interrupted."""

_TABLE = "alembic_version"
"""Table in which Alembic stores the revision: https://alembic.sqlalchemy.org/en/latest/tutorial.html"""


def read_revision(connection: Connection) -> str | None:
    """Return the revision of a database; None if it has no schema."""
    if not inspect(connection).has_table(_TABLE):
        return None
    revision: str | None = connection.scalar(text(f"SELECT version_num FROM {_TABLE}"))  # noqa: S608 - a constant
    return revision


def require_current_schema(connection: Connection) -> None:
    """Ensure that a database has the schema of this version.

    Raises:
        InvalidRequest: it has no schema or another revision, or is not completely restored; the
            message contains what to do.
    """
    revision = read_revision(connection)
    require_restored(revision)
    if revision == HEAD_REVISION:
        return
    error = f"the database schema has revision {revision or 'none'}, expected {HEAD_REVISION}: "
    if revision is not None and revision.isdigit() and revision > HEAD_REVISION:
        raise InvalidRequest(
            f"{error}a newer version migrated it. Stop this process, and start that version here"
        )
    raise InvalidRequest(f"{error}run `make migrate` (or `python -m deployments.migrate`) once")


def require_restored(revision: str | None) -> None:
    """Ensure that a database is not one whose restore was interrupted.

    Raises:
        InvalidRequest: it is.
    """
    if revision is not None and revision.startswith(RESTORING):
        raise InvalidRequest(
            "a restore of the database is in progress or was interrupted, so it must not be used: "
            "run `python -m deployments.restore SOURCE --replace` again"
        )
