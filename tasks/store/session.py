"""Database engines and transactions."""

import asyncio
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import stamina
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor, ExecutionContext
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session, create_engine

from models.core.runs.counters import Counters
from models.core.settings import get_settings
from models.core.text import PLACEHOLDER
from tasks import counters
from tasks.store.schema_revision import require_current_schema

P = ParamSpec("P")
T = TypeVar("T")

_UNSTORABLE_PATTERN = re.compile("[\x00\ud800-\udfff]")

_POOL_SIZE = 5
"""Connections of one process to PostgreSQL."""

_COUNTED = "counted"
"""Key of what a session counts after its commit."""

_IS_READER = "is_reader"
"""Execution option of engines whose transactions only read."""

_current_databases: set[str] = set()
"""URLs of the databases that this process has found to have the current schema."""


@cache
def get_engine(url: str) -> Engine:
    """Return the engine of this process for a database URL.

    Errors never contain stored values, which may be encrypted secrets. SQLite uses write-ahead
    logging, syncs every commit, and takes its write lock when a transaction begins
    (https://www.sqlite.org/lang_transaction.html).
    """
    if not url.startswith("sqlite"):
        engine = create_engine(url, pool_pre_ping=True, pool_size=_POOL_SIZE, hide_parameters=True)
        event.listen(engine, "before_cursor_execute", _replace_unstorable, retval=True)
        return engine
    _create_parent_dir(url)
    options = {"timeout": 30, "check_same_thread": False}
    engine = create_engine(url, connect_args=options, hide_parameters=True)
    event.listen(engine, "before_cursor_execute", _replace_unstorable, retval=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _begin_sqlite(connection: Connection) -> None:
    is_reader = connection.get_execution_options().get(_IS_READER, False)
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if is_reader else 'OFF'}")
    if is_reader:
        connection.exec_driver_sql("BEGIN")
        return
    # Upgrading a read lock to a write lock later in a transaction can fail without waiting.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _replace_unstorable(
    connection: Connection,
    cursor: DBAPICursor,
    statement: str,
    parameters: Any,  # noqa: ANN401 - a row or many, each a tuple or a mapping
    context: ExecutionContext | None,
    executemany: bool,
) -> tuple[str, Any]:
    # PostgreSQL rejects NUL and surrogates in text. Input is sanitized at its source; this catches
    # the rest, so that no text can make a save fail.
    return statement, _clean_value(parameters)


def _clean_value(value: Any) -> Any:  # noqa: ANN401 - any parameter
    if isinstance(value, str):
        return value if value.isprintable() else _UNSTORABLE_PATTERN.sub(PLACEHOLDER, value)
    if isinstance(value, list | tuple):
        return type(value)(map(_clean_value, value))
    if isinstance(value, dict):
        return {key: _clean_value(part) for key, part in value.items()}
    return value


def _create_parent_dir(url: str) -> None:
    path = url.removeprefix("sqlite:///")
    if path and not path.startswith(":memory:"):
        Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # get_engine emits BEGIN IMMEDIATE
    cursor = connection.cursor()
    for attempt in stamina.retry_context(
        on=sqlite3.OperationalError, attempts=None, timeout=30, wait_initial=0.01, wait_max=0.2
    ):
        with attempt:  # two processes that switch a new database at once both fail at once
            cursor.execute("PRAGMA journal_mode=WAL")
    # Without FULL, a power failure can lose the secret of a robot account that exists in Harbor.
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def run_in_transaction(
    work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run `work(session, …)` in one transaction and return its result.

    Raises:
        InvalidRequest: the database does not have the schema of this version; checked once per
            process, in its first transaction.
    """
    return _run(get_engine(get_settings().database), work, *args, **kwargs)


def run_in_snapshot(
    work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run `work(session, …)`, which only reads, and return its result.

    All its queries see the same state, and it neither waits for a run that writes nor makes one
    wait.

    Raises:
        InvalidRequest: the database does not have the schema of this version.
    """
    return _run(_reader_engine(get_settings().database), work, *args, **kwargs)


def _reader_engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        return get_engine(url).execution_options(**{_IS_READER: True})
    return get_engine(url).execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )


def _run(
    engine: Engine,
    work: Callable[Concatenate[Session, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    url = get_settings().database
    with Session(engine, expire_on_commit=False) as session:
        if url not in _current_databases:
            require_current_schema(session.connection())
            _current_databases.add(url)
        result = work(session, *args, **kwargs)
        session.commit()
        for counted in session.info.get(_COUNTED, ()):
            counters.add(counted)
        return result


def count_after_commit(session: Session, counted: Counters) -> None:
    """Count once the transaction is committed: a row of counters would be locked until then."""
    session.info.setdefault(_COUNTED, []).append(counted)


async def in_transaction(
    work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run `work` in one transaction, in a thread, so that the event loop is not blocked.

    The thread gets the context variables of the caller, as with `asyncio.to_thread`.
    """
    # SQLite allows one writer at a time: more threads would only sleep on its lock.
    is_sqlite = get_settings().database.startswith("sqlite")
    threads = _thread_pool("store", 1 if is_sqlite else _POOL_SIZE)
    return await _in_thread(threads, lambda: run_in_transaction(work, *args, **kwargs))


async def in_snapshot(
    work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run `work`, which only reads, in a thread, see `run_in_snapshot` and `in_transaction`."""
    threads = _thread_pool("store-reader", _POOL_SIZE)
    return await _in_thread(threads, lambda: run_in_snapshot(work, *args, **kwargs))


async def _in_thread(threads: ThreadPoolExecutor, run: Callable[[], T]) -> T:
    context = copy_context()
    return await asyncio.get_running_loop().run_in_executor(threads, lambda: context.run(run))


@cache
def _thread_pool(name: str, size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix=name)
