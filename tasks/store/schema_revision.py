"""Which tables the database has.

Every run asks, so it is asked without Alembic, which takes a third of a second to import.
"""

from sqlalchemy import inspect, text

from models.core.errors import InvalidRequest
from tasks.store.session import get_engine

HEAD_REVISION = "0009"
"""The newest of the migrations; those of the tests fail if it is not."""

_TABLE = "alembic_version"
"""Where Alembic notes it: https://alembic.sqlalchemy.org/en/latest/tutorial.html"""


def require_current_schema(url: str) -> None:
    """Make sure that the database has the tables of this version.

    Raises:
        InputRefused: it has none, or those of another version; the message says what to run.
    """
    with get_engine(url).connect() as connection:
        has_table = inspect(connection).has_table(_TABLE)
        query = text(f"SELECT version_num FROM {_TABLE}")  # noqa: S608 - our own text
        revision = connection.scalar(query) if has_table else None
    if revision != HEAD_REVISION:
        raise InvalidRequest(
            f"the database has revision {revision or 'none'}, this version needs {HEAD_REVISION}: "
            "run `make migrate` (or `python -m deployments.migrate`) once"
        )
