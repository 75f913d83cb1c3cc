"""Databases of an installation as a backup and a restore need them: SQLite and PostgreSQL."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy.engine import make_url

from deployments.backup.manifest import Engine
from models.core.errors import InvalidRequest
from tasks.secrets.key_files import sync_directory


class Database(Protocol):
    """A database that can be copied into a file, and replaced by such a copy."""

    @property
    def engine(self) -> Engine:
        """The kind of the database."""

    @property
    def location(self) -> str:
        """Where it is, without a password."""

    def dump(self, file: Path) -> str:
        """Copy a consistent state into a new file while others use the database.

        Returns:
            The revision of the copied schema; empty if there is none.

        Raises:
            InvalidRequest: the copy failed; the message contains the cause.
        """

    def check_copy(self, file: Path) -> None:
        """Ensure that a copy can be restored here, as far as that can be known.

        Raises:
            InvalidRequest: it cannot; the message contains what to do.
        """

    def read_saved_block(self, file: Path) -> str:
        """Return the encrypted content of the newest saved block in a copy of Prefect's database.

        Returns:
            It is empty if there is none.
        """

    def has_tables(self) -> bool:
        """Return whether it contains anything."""

    def find_users(self) -> str:
        """Return who else is connected, in words; empty if nobody is."""

    def replace(self, file: Path, replaced_dir: Path, statement: str = "") -> None:
        """Replace the content by a copy, completely or not at all.

        Args:
            file: the copy.
            replaced_dir: folder to keep files of the former content in.
            statement: an SQL statement that is part of the replacement.
        """


class SqliteDatabase:
    """A database in a file."""

    engine: Engine = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def location(self) -> str:
        """Where it is."""
        return str(self.path)

    def dump(self, file: Path) -> str:
        """Copy the database by SQLite's backup API (https://www.sqlite.org/backup.html)."""
        if not self.path.is_file():
            raise InvalidRequest(f"there is no database {self.path}")
        try:
            with closing(_open(self.path, "ro")) as source, closing(sqlite3.connect(file)) as copy:
                source.backup(copy)  # all pages at once: later commits do not restart it
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
                (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
                if verdict != "ok":
                    raise InvalidRequest(f"the database {self.path} is damaged: {verdict}")
                return _read_revision(copy)
        except sqlite3.Error as error:
            raise InvalidRequest(f"the database {self.path} cannot be copied: {error}") from None

    def check_copy(self, file: Path) -> None:
        """Any version of SQLite reads the copies of all others."""

    def read_saved_block(self, file: Path) -> str:
        """Read the table in the copy."""
        with closing(_open(file, "ro")) as copy:
            rows = copy.execute("SELECT data FROM block_document ORDER BY updated DESC LIMIT 1")
            row = rows.fetchone()
        return str(json.loads(row[0])) if row else ""

    def has_tables(self) -> bool:
        """Return whether the file exists and contains anything, readable or not."""
        return self.path.is_file() and self.path.stat().st_size > 0

    def find_users(self) -> str:
        """Return whether another process has opened the database."""
        if not self.has_tables():
            return ""
        try:
            with closing(_open(self.path, "rw")) as connection:
                # In WAL mode each connection keeps a shared lock on the file, even when idle:
                # https://www.sqlite.org/wal.html#use_of_wal_without_shared_memory
                connection.execute("PRAGMA locking_mode=EXCLUSIVE")
                connection.execute("BEGIN EXCLUSIVE")
                connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            return f"another process uses {self.path} ({error})"
        except sqlite3.DatabaseError:
            return ""  # damaged, which is a reason to restore it
        return ""

    def replace(self, file: Path, replaced_dir: Path, statement: str = "") -> None:
        """Put a copy in the place of the file; the former one is kept."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new_path = self.path.with_name(f"{self.path.name}.restore")
        copy_secret_file(file, new_path)
        with closing(sqlite3.connect(new_path)) as connection:
            connection.executescript(statement)
        logs = [self.path.with_name(f"{self.path.name}{suffix}") for suffix in ("-wal", "-shm")]
        for former_path in (self.path, *logs):
            keep_file(former_path, replaced_dir)
        for log_path in logs:  # a log of the former file must not meet the new one
            log_path.unlink(missing_ok=True)
        new_path.replace(self.path)
        sync_directory(self.path.parent)


def _open(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=2, isolation_level=None)


def _read_revision(connection: sqlite3.Connection) -> str:
    query = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
    if connection.execute(query).fetchone() is None:
        return ""
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def keep_file(path: Path, folder: Path) -> None:
    """Copy a file, if it exists, into a folder that may be on another filesystem."""
    if path.exists():
        folder.mkdir(exist_ok=True, mode=0o700)
        copy_secret_file(path, folder / path.name)
        sync_directory(folder)


def copy_secret_file(source: Path, target: Path) -> None:
    """Copy a file to a new one with mode 0600, and sync it."""
    with source.open("rb") as content, open_secret_file(target) as handle:
        while block := content.read(1 << 20):
            write_all(handle, block)


def write_all(handle: int, content: bytes) -> None:
    """Write all bytes: on a full disk the system may write some of them without an error."""
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]


@contextmanager
def open_secret_file(path: Path) -> Iterator[int]:
    """Create or empty a file with mode 0600; yield its descriptor, and sync it afterwards."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        yield handle
        os.fsync(handle)
    finally:
        os.close(handle)


def database_of(url: str) -> Database:
    """Return the database of an SQLAlchemy URL.

    Raises:
        InvalidRequest: it is in memory, or neither SQLite nor PostgreSQL.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        from deployments.backup.postgresql import PostgresDatabase  # noqa: PLC0415 - imports psycopg

        return PostgresDatabase(parsed)
    if backend != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise InvalidRequest(f"a {backend} database cannot be backed up: use a file or PostgreSQL")
    return SqliteDatabase(Path(parsed.database))
