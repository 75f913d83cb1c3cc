"""Check of the database schema revision.

Every run checks it, so this module does not import Alembic, which takes a third of a second.
"""

from sqlalchemy import inspect, text

from models.core.errors import InvalidRequest
from tasks.store.session import get_engine

HEAD_REVISION = "0009"
"""The newest migration. A test fails if this is outdated."""

_TABLE = "alembic_version"
"""Table in which Alembic stores the revision: https://alembic.sqlalchemy.org/en/latest/tutorial.html"""


def require_current_schema(url: str) -> None:
    """Ensure that the database has the schema of this version.

    Raises:
        InvalidRequest: it has no schema or another revision; the message contains the command.
    """
    with get_engine(url).connect() as connection:
        has_table = inspect(connection).has_table(_TABLE)
        query = text(f"SELECT version_num FROM {_TABLE}")  # noqa: S608 - a constant
        revision = connection.scalar(query) if has_table else None
    if revision != HEAD_REVISION:
        raise InvalidRequest(
            f"the database schema has revision {revision or 'none'}, expected {HEAD_REVISION}: "
            "run `make migrate` (or `python -m deployments.migrate`) once"
        )
