"""PostgreSQL by its own programs: pg_dump, pg_restore and psql."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL

from deployments.backup.manifest import Engine
from models.core.errors import InvalidRequest

_DISCONNECT_SECONDS = 2.0

_PROGRAM_DIRS = "/usr/lib/postgresql"
"""Where Debian installs the programs of each version, of which `PATH` has one."""

_DROP_ALL = """
SET lock_timeout = '30s';
DO $drop$
DECLARE statement text;
BEGIN
  -- All names are read before the first is dropped: CASCADE drops some of the others.
  FOREACH statement IN ARRAY (SELECT coalesce(array_agg(format(
      'DROP %s IF EXISTS %s CASCADE', kind, name)), '{}') FROM (
    SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
        WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass::text, c.oid
      FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
        AND c.relnamespace = current_schema()::regnamespace
    UNION ALL
    SELECT 'TYPE', t.oid::regtype::text, t.oid FROM pg_type t
      WHERE t.typnamespace = current_schema()::regnamespace AND t.typtype IN ('e', 'd')
    UNION ALL
    SELECT 'ROUTINE', p.oid::regprocedure::text, p.oid FROM pg_proc p
      WHERE p.pronamespace = current_schema()::regnamespace
    ) AS content(kind, name, oid)
    WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = oid AND d.deptype = 'e'))
  LOOP
    EXECUTE statement;
  END LOOP;
END $drop$;
"""
"""What a newer schema has would remain beside the restored one, and make its migration fail.

Like the copy, it covers the current schema only: another one belongs to something else.
"""

_SCHEMA_ENTRY = re.compile(r"^\d+; \d+ \d+ SCHEMA - (\S+)", re.MULTILINE)
_SERVER_ENTRY = re.compile(r"^;\s+Dumped from database version: (\d+)", re.MULTILINE)
"""In the contents of a dump: https://www.postgresql.org/docs/current/app-pgrestore.html"""

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
                # Extensions belong to no schema, and Prefect's indexes need one.
                *(f'--schema="{_read_schema(connection)}"', "--extension=*"),
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
        """Return how many other clients are connected: servers, workers and consoles.

        A client that has gone, also this one a moment ago, is connected until its server process
        ends: https://www.postgresql.org/docs/current/connect-estab.html
        """
        deadline = time.monotonic() + _DISCONNECT_SECONDS
        with self._connect() as connection:
            while (count := _count_others(connection)) and time.monotonic() < deadline:
                time.sleep(0.1)
        return f"{self.location} has other connections: {count}" if count else ""

    def check_copy(self, file: Path) -> None:
        """Compare the contents of the copy with the server's version and the schema."""
        with self._connect() as connection:
            version, schema = connection.info.server_version, _read_schema(connection)
        contents = self._run(_find_program("pg_restore", version), "--list", str(file))
        origin = _SERVER_ENTRY.search(contents)
        if origin and int(origin[1]) > version // 10000:
            raise InvalidRequest(
                f"{file.name} is a copy of a PostgreSQL {origin[1]}, and {self.location} is of "
                f"version {version // 10000}: restore it into version {origin[1]} or newer"
            )
        copied = _SCHEMA_ENTRY.search(contents)
        if copied and copied[1] != schema:
            raise InvalidRequest(
                f"{file.name} is a copy of the schema {copied[1]}, and {self.location} uses "
                f"{schema}: set the same search_path for its user"
            )

    def read_saved_block(self, file: Path) -> str:
        """Read the table in the copy."""
        with self._connect() as connection:
            program = _find_program("pg_restore", connection.info.server_version)
        options = ("--data-only", "--table=block_document", "--file=-")
        return _newest_block(self._run(program, *options, str(file)))

    def replace(self, file: Path, replaced_dir: Path, statement: str = "") -> None:
        """Drop the schema's content and restore the copy, in one transaction. It is lost."""
        with self._connect() as connection:
            version = connection.info.server_version
        psql, pg_restore = _find_program("psql", version), _find_program("pg_restore", version)
        contents = self._run(pg_restore, "--list", str(file))
        # A pipe between them would let psql commit what a failed pg_restore had written so far.
        with tempfile.TemporaryDirectory(dir=replaced_dir.parent, prefix=".restore-") as folder:
            script, entries = str(Path(folder) / "script.sql"), Path(folder) / "entries"
            # The schema exists, with rights of its own.
            entries.write_text(_SCHEMA_ENTRY.sub(";", contents))
            options = ("--no-owner", "--no-privileges", "--no-comments", f"--use-list={entries}")
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

    def _run(self, program: str, *arguments: str) -> str:
        """Run a program, and return what it writes.

        Raises:
            InvalidRequest: it failed.
        """
        environment = {**os.environ, **({"PGPASSWORD": self._password} if self._password else {})}
        result = subprocess.run(  # noqa: S603 - a program of PostgreSQL
            [program, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if result.returncode:
            line = _last_line(result.stderr)
            raise InvalidRequest(
                f"{Path(program).name} failed for {self.location}: {line}{_version_hint(line)}"
            )
        return result.stdout.decode()


def _as_text(value: str | tuple[str, ...] | None) -> str | None:
    return value if value is None or isinstance(value, str) else value[0]


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "no message"


def _count_others(connection: "psycopg.Connection[tuple[Any, ...]]") -> int:
    connection.rollback()  # a transaction sees the list as it first was
    (count,) = _fetch_one(
        connection,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND (backend_type = 'client backend' OR backend_type IS NULL)",
    )
    return int(count)


def _fetch_one(connection: "psycopg.Connection[tuple[Any, ...]]", query: str) -> tuple[Any, ...]:
    row = connection.execute(query.encode()).fetchone()
    if row is None:
        raise InvalidRequest("the database returned no row")
    return row


def _read_schema(connection: "psycopg.Connection[tuple[Any, ...]]") -> str:
    (schema,) = _fetch_one(connection, "SELECT current_schema()")
    if schema is None:
        raise InvalidRequest("no schema of the user's search_path exists: create it first")
    return str(schema)


def _newest_block(script: str) -> str:
    """Return the data of the newest row that a script copies into Prefect's table of blocks."""
    header = re.search(r"^COPY \S*block_document \((.*)\) FROM stdin;\n", script, re.MULTILINE)
    if header is None:
        return ""
    columns = [name.strip() for name in header[1].split(",")]
    lines = script[header.end() - 1 :].partition("\n\\.")[0].splitlines()
    rows = [dict(zip(columns, line.split("\t"), strict=True)) for line in lines if line]
    newest = max(rows, key=lambda row: row["updated"], default=None)
    return str(json.loads(newest["data"])) if newest else ""


def _version_hint(line: str) -> str:
    """Return what to do about an error that different versions of programs and server cause."""
    if "unsupported version" in line:
        return (
            ". The copy was made by a newer pg_dump: install PostgreSQL's client programs of the "
            "version that the backup was made with"
        )
    if "unrecognized configuration parameter" in line:
        return (
            ". pg_restore is newer than this server: install PostgreSQL's client programs of the "
            "server's version. The database is as before"
        )
    return ""


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
