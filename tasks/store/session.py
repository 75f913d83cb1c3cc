"""Engines and transactions."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import stamina
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session, create_engine

from models.settings import settings

P = ParamSpec("P")
T = TypeVar("T")

_POOL = 5
"""Connections of one process to PostgreSQL."""


@cache
def engine_for(url: str) -> Engine:
    """Return this process's engine for a database.

    SQLite gets write-ahead logging, waits for other writers, and takes its write lock when a
    transaction begins: upgrading a read lock later could fail at once
    (https://www.sqlite.org/lang_transaction.html).
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=_POOL)
    _make_parent(url)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _make_parent(url: str) -> None:
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
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def transact(work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do `work(session, …)` in one transaction: all of it or nothing."""
    with Session(engine_for(settings().database), expire_on_commit=False) as session:
        result = work(session, *args, **kwargs)
        session.commit()
        return result


async def stored(
    work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do `work` in one transaction, in a thread, so that other registries are not held up.

    It sees this run's context variables, as with `asyncio.to_thread`.
    """
    context = copy_context()
    threads = _threads(settings().database.startswith("sqlite"))

    def in_context() -> T:
        return context.run(lambda: transact(work, *args, **kwargs))

    return await asyncio.get_running_loop().run_in_executor(threads, in_context)


@cache
def _threads(sqlite: bool) -> ThreadPoolExecutor:
    """SQLite lets one write at a time: more threads would only wait for its lock, asleep."""
    return ThreadPoolExecutor(1 if sqlite else _POOL, thread_name_prefix="store")
