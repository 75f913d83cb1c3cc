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

from models.core.settings import get_settings
from models.core.text import PLACEHOLDER
from tasks.store.schema_revision import require_current_schema

P = ParamSpec("P")
T = TypeVar("T")

_UNSTORABLE_PATTERN = re.compile("[\x00\ud800-\udfff]")

_POOL_SIZE = 5
"""Connections of one process to PostgreSQL."""


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
    # Upgrading a read lock to a write lock later in a transaction can fail without waiting.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


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
    url = get_settings().database
    with Session(get_engine(url), expire_on_commit=False) as session:
        if url not in _current_databases:
            require_current_schema(session.connection())
            _current_databases.add(url)
        result = work(session, *args, **kwargs)
        session.commit()
        return result


async def in_transaction(
    work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run `work` in one transaction, in a thread, so that the event loop is not blocked.

    The thread gets the context variables of the caller, as with `asyncio.to_thread`.
    """
    context = copy_context()
    threads = _thread_pool(get_settings().database.startswith("sqlite"))

    def in_context() -> T:
        return context.run(lambda: run_in_transaction(work, *args, **kwargs))

    return await asyncio.get_running_loop().run_in_executor(threads, in_context)


@cache
def _thread_pool(sqlite: bool) -> ThreadPoolExecutor:
    # SQLite allows one writer at a time: more threads would only sleep on its lock.
    return ThreadPoolExecutor(1 if sqlite else _POOL_SIZE, thread_name_prefix="store")
