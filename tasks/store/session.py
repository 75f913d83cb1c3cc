"""Engines and transactions."""

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

P = ParamSpec("P")
T = TypeVar("T")

_UNSTORABLE_PATTERN = re.compile("[\x00\ud800-\udfff]")

_POOL_SIZE = 5
"""Connections of one process to PostgreSQL."""


@cache
def get_engine(url: str) -> Engine:
    """Return this process's engine for a database.

    What is stored never gets into an error's text: it may be a sealed secret. SQLite gets
    write-ahead logging and syncs each commit: after a power cut a robot account would be there
    whose secret is not. It waits for other writers, and takes its write lock when a
    transaction begins: upgrading a read lock later could fail at once
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
    """Replace what PostgreSQL stores in no text, so that no text of anybody can fail a save.

    Texts are cleaned where they come in; this is for those that come some other way.
    """
    return statement, _clean_value(parameters)


def _clean_value(value: Any) -> Any:  # noqa: ANN401 - see above
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
    connection.isolation_level = None  # BEGIN is ours, see above
    cursor = connection.cursor()
    for attempt in stamina.retry_context(
        on=sqlite3.OperationalError, attempts=None, timeout=30, wait_initial=0.01, wait_max=0.2
    ):
        with attempt:  # two that switch a new database at once are both refused, without waiting
            cursor.execute("PRAGMA journal_mode=WAL")
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def run_in_transaction(
    work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do `work(session, …)` in one transaction: all of it or nothing."""
    with Session(get_engine(get_settings().database), expire_on_commit=False) as session:
        result = work(session, *args, **kwargs)
        session.commit()
        return result


async def in_transaction(
    work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do `work` in one transaction, in a thread, so that other registries are not held up.

    It sees this run's context variables, as with `asyncio.to_thread`.
    """
    context = copy_context()
    threads = _thread_pool(get_settings().database.startswith("sqlite"))

    def in_context() -> T:
        return context.run(lambda: run_in_transaction(work, *args, **kwargs))

    return await asyncio.get_running_loop().run_in_executor(threads, in_context)


@cache
def _thread_pool(sqlite: bool) -> ThreadPoolExecutor:
    """SQLite lets one write at a time: more threads would only wait for its lock, asleep."""
    return ThreadPoolExecutor(1 if sqlite else _POOL_SIZE, thread_name_prefix="store")
