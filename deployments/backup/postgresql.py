"""PostgreSQL by its own programs: pg_dump, pg_restore and psql."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL

from deployments.backup.manifest import Engine
from models.core.errors import InvalidRequest

_PROGRAM_DIRS = "/usr/lib/postgresql"
"""Where Debian installs the programs of each version, of which `PATH` has one."""

_DROP_ALL = """
SET lock_timeout = '30s';
DO $drop$
DECLARE statement text;
BEGIN
  FOR statement IN
    SELECT format('DROP TABLE IF EXISTS %s CASCADE', c.oid::regclass) FROM pg_class c
      WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    UNION ALL
    SELECT format('DROP TYPE IF EXISTS %s CASCADE', t.oid::regtype) FROM pg_type t
      WHERE t.typnamespace = current_schema()::regnamespace AND t.typtype = 'e'
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
  LOOP
    EXECUTE statement;
  END LOOP;
END $drop$;
"""
"""Tables of a newer schema would remain beside the restored ones, and make its migration fail."""


_NOT_FOR_PROGRAMS = frozenset(
    {
        "password",
        "prepared_statement_cache_size",
        "statement_cache_size",
        "prepared_statement_name_func",
    }
)
"""Parameters of URLs: a password must be in no command line; the others are those of asyncpg."""


class PostgresDatabase:
    """A database of a PostgreSQL server.

    Args:
        url: its SQLAlchemy URL. The password is passed to the programs in their environment;
            without one, they read `~/.pgpass` (https://www.postgresql.org/docs/current/libpq-pgpass.html).
    """

    engine: Engine = "postgresql"

    def __init__(self, url: URL) -> None:
        query = {
            name: value if isinstance(value, str) else ",".join(value)
            for name, value in url.query.items()
            if name not in _NOT_FOR_PROGRAMS
        }
        if ssl := query.pop("ssl", ""):  # asyncpg's name of it
            query.setdefault("sslmode", ssl)
        parts = {
            "host": url.host,
            "port": url.port,
            "user": url.username,
            "dbname": url.database,
            **query,
        }
        self._conninfo = make_conninfo(
            "", **{name: value for name, value in parts.items() if value}
        )
        self._password = url.password or _as_text(url.query.get("password"))
        self.location = (
            f"database {url.database} on {url.host or query.get('host', 'this machine')}"
        )

    def dump(self, file: Path) -> str:
        """Copy one snapshot of the database with pg_dump."""
        with self._connect() as connection:
            program = _find_program("pg_dump", connection.info.server_version)
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            (snapshot,) = _fetch_one(connection, "SELECT pg_export_snapshot()")
            revision = _read_revision(connection)
            self._run(
                program,
                *("--format=custom", "--no-owner", "--no-privileges", "--no-comments"),
                *(f"--snapshot={snapshot}", f"--file={file}", f"--dbname={self._conninfo}"),
            )
        return revision

    def has_tables(self) -> bool:
        """Return whether the schema has a table that belongs to no extension."""
        with self._connect() as connection:
            (count,) = _fetch_one(
                connection,
                "SELECT count(*) FROM pg_class c WHERE relkind IN ('r', 'p') "
                "AND relnamespace = current_schema()::regnamespace "
                "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND deptype = 'e')",
            )
        return bool(count)

    def find_users(self) -> str:
        """Return how many other clients are connected: servers, workers and consoles."""
        with self._connect() as connection:
            (count,) = _fetch_one(
                connection,
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND (backend_type = 'client backend' "
                "OR backend_type IS NULL)",
            )
        return f"{self.location} has other connections: {count}" if count else ""

    def replace(self, file: Path, replaced_dir: Path, statement: str = "") -> None:
        """Drop all tables and restore the copy, in one transaction. The former ones are lost."""
        with self._connect() as connection:
            version = connection.info.server_version
        psql, pg_restore = _find_program("psql", version), _find_program("pg_restore", version)
        # A pipe between them would let psql commit what a failed pg_restore had written so far.
        with tempfile.TemporaryDirectory(dir=replaced_dir.parent, prefix=".restore-") as folder:
            script = str(Path(folder) / "script.sql")
            options = ("--no-owner", "--no-privileges", "--no-comments")
            self._run(pg_restore, *options, f"--file={script}", str(file))
            self._run(
                psql,
                *("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"),
                *(f"--dbname={self._conninfo}", f"--command={_DROP_ALL}", f"--file={script}"),
                # The script of pg_restore leaves an empty search_path.
                *("--command=RESET search_path", f"--command={statement}"),
            )

    @contextmanager
    def _connect(self) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
        try:
            with psycopg.connect(
                self._conninfo, password=self._password, connect_timeout=10
            ) as connection:
                yield connection
        except psycopg.Error as error:
            raise InvalidRequest(f"{self.location}: {_last_line(str(error).encode())}") from None

    def _run(self, program: str, *arguments: str) -> None:
        environment = {**os.environ, **({"PGPASSWORD": self._password} if self._password else {})}
        result = subprocess.run(  # noqa: S603 - a program of PostgreSQL
            [program, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        if result.returncode:
            raise InvalidRequest(
                f"{Path(program).name} failed for {self.location}: {_last_line(result.stderr)}"
            )


def _as_text(value: str | tuple[str, ...] | None) -> str | None:
    return value if value is None or isinstance(value, str) else value[0]


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "no message"


def _fetch_one(connection: "psycopg.Connection[tuple[Any, ...]]", query: str) -> tuple[Any, ...]:
    row = connection.execute(query.encode()).fetchone()
    if row is None:
        raise InvalidRequest("the database returned no row")
    return row


def _read_revision(connection: "psycopg.Connection[tuple[Any, ...]]") -> str:
    (table,) = _fetch_one(connection, "SELECT to_regclass('alembic_version')::text")
    if table is None:
        return ""
    return str(_fetch_one(connection, "SELECT max(version_num) FROM alembic_version")[0] or "")


def _find_program(name: str, server_version: int) -> str:
    """Return a program of PostgreSQL that is as new as the server.

    Raises:
        InvalidRequest: there is none; the message contains the version that is needed.
    """
    needed = server_version // 10000
    on_path = shutil.which(name)
    candidates = [on_path] if on_path else []
    candidates += sorted(map(str, Path(_PROGRAM_DIRS).glob(f"*/bin/{name}")), reverse=True)
    versions = {program: _program_version(program) for program in candidates}
    # A newer pg_dump writes settings that an older server does not know.
    for program, version in sorted(versions.items(), key=lambda item: item[1]):
        if version >= needed:
            return program
    present = f"the newest here is {max(versions.values())}" if versions else "there is none here"
    raise InvalidRequest(
        f"{name} {needed} or newer is needed for this PostgreSQL server, and {present}: install "
        f"PostgreSQL's client programs (Debian: postgresql-client-{needed})"
    )


def _program_version(program: str) -> int:
    output = subprocess.run(  # noqa: S603 - a program of PostgreSQL
        [program, "--version"], capture_output=True, check=False, text=True
    ).stdout
    match = re.search(r"\)\s+(\d+)", output)
    return int(match[1]) if match else 0
