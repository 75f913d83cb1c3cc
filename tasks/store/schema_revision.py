"""Which tables the database has.

Every run asks, so it is asked without Alembic, which takes a third of a second to import.
"""

from sqlalchemy import inspect, text

from models.core.errors import InputRefused
from tasks.store.session import engine_for

HEAD = "0008"
"""The newest of the migrations; those of the tests fail if it is not."""

_TABLE = "alembic_version"
"""Where Alembic notes it: https://alembic.sqlalchemy.org/en/latest/tutorial.html"""


def check_current(url: str) -> None:
    """Make sure that the database has the tables of this version.

    Raises:
        InputRefused: it has none, or those of another version; the message says what to run.
    """
    with engine_for(url).connect() as connection:
        there = inspect(connection).has_table(_TABLE)
        found = connection.scalar(text(f"SELECT version_num FROM {_TABLE}")) if there else None  # noqa: S608 - our own text
    if found != HEAD:
        raise InputRefused(
            f"the database has revision {found or 'none'}, this version needs {HEAD}: "
            "run `make migrate` (or `python -m deployments.migrate`) once"
        )
