"""Leases: one run at a time on one registry or cluster, on however many machines.

A lease expires by itself, so a killed run holds nothing up for long. On PostgreSQL the database's
clock counts; SQLite's is that of the one machine.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, DateTime, func, insert, literal
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, update

from models.core.errors import LeaseHeld
from models.core.settings import get_settings
from models.tables import LeaseRow, RegistryRow
from models.tables.types import UtcDateTime
from tasks import clock
from tasks.http.fence import fence_requests
from tasks.store.session import in_transaction

_POLL_SECONDS = 0.25
_FRESH_FRACTION = 1 / 30
"""For how much of a lease a fence takes its last answer for granted: a second, with the default."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def lease(key: str, *, wait_seconds: float = 0.0) -> AsyncIterator[str]:
    """Hold the lease on `key`, renewed until the block ends; yields the holder's id.

    Within the block, requests that change anything are held to the lease. It ends early if the
    lease cannot be renewed in time, or is lost.

    Args:
        key: name of the registry.
        wait_seconds: seconds to wait for another run to end.

    Raises:
        Busy: another run holds it, and did so until patience ended; or it was lost.
    """
    lease_id = uuid4().hex
    deadline = time.monotonic() + wait_seconds
    while not await in_transaction(_acquire, key, lease_id):
        if time.monotonic() >= deadline:
            raise LeaseHeld(f"another run works on {key!r} right now; this one changed nothing")
        await asyncio.sleep(_POLL_SECONDS)
    try:
        async with asyncio.timeout(None) as timeout:
            renewal = asyncio.create_task(_renew_until_lost(key, lease_id, timeout))
            try:
                with fence_requests(_Fence(key, lease_id).check):
                    yield lease_id
            finally:
                renewal.cancel()
                with suppress(asyncio.CancelledError):
                    await renewal
    except TimeoutError:
        if not timeout.expired():
            raise
        raise _lease_lost_error(key, "it was stopped") from None
    finally:
        await asyncio.shield(_release_quietly(key, lease_id))


def check_lease(session: Session, key: str, lease_id: str) -> None:
    """Make sure, within the transaction that depends on it, that the lease is still held.

    Raises:
        Busy: it expired (this run was stopped for long) and another run has taken over.
    """
    row = session.get(LeaseRow, key, with_for_update=True)
    if row is None or row.holder != lease_id:
        raise _lease_lost_error(key, "nothing was saved")


def _lease_lost_error(key: str, consequence: str) -> LeaseHeld:
    return LeaseHeld(f"this run lost its lease on {key!r} to another one; {consequence}")


class _Fence:
    """Renews a lease before each request that changes anything, unless that was just done.

    Two clocks count, since one of them stands still while a machine sleeps.
    """

    def __init__(self, key: str, lease_id: str) -> None:
        self._key, self._lease_id = key, lease_id
        self._renewed_at: tuple[float, float] | None = None

    async def check(self) -> None:
        """Make sure that the lease is held, and for a while longer.

        Raises:
            Busy: it is lost.
        """
        now, fresh = (time.monotonic(), time.time()), _FRESH_FRACTION * get_settings().lease_seconds
        if self._renewed_at is not None and all(
            0 <= later - before < fresh for before, later in zip(self._renewed_at, now, strict=True)
        ):
            return
        if not await in_transaction(_extend, self._key, self._lease_id):
            raise _lease_lost_error(self._key, "it changes nothing any more")
        self._renewed_at = now


def _now(session: Session) -> ColumnElement[datetime]:
    """The time by the clock that counts."""
    if session.get_bind().dialect.name == "postgresql":
        return func.clock_timestamp(type_=DateTime(timezone=True))
    return literal(clock.now(), UtcDateTime())


def _expiry(session: Session) -> ColumnElement[datetime]:
    duration = timedelta(seconds=get_settings().lease_seconds)
    if session.get_bind().dialect.name == "postgresql":
        return func.clock_timestamp(type_=DateTime(timezone=True)) + duration
    return literal(clock.now() + duration, UtcDateTime())


def _acquire(session: Session, key: str, lease_id: str) -> bool:
    statement = update(LeaseRow).where(
        col(LeaseRow.key) == key, col(LeaseRow.expires_at) < _now(session)
    )
    values = {"holder": lease_id, "expires_at": _expiry(session)}
    if session.exec(statement.values(values)).rowcount:
        return True
    try:
        with session.begin_nested():
            session.exec(insert(LeaseRow).values(key=key, **values))
    except IntegrityError:
        return False
    return True


async def _release_quietly(key: str, lease_id: str) -> None:
    """Release a lease; a database that cannot be asked lets it expire."""
    try:
        await in_transaction(_release, key, lease_id)
    except Exception:  # it must not hide how the run ended
        _log.warning("The lease on %s was not given back and expires", key, exc_info=True)


def _release(session: Session, key: str, lease_id: str) -> None:
    """Give a lease back. If it was lost, a late change may have gone out: look again at once."""
    statement = delete(LeaseRow).where(col(LeaseRow.key) == key, col(LeaseRow.holder) == lease_id)
    if not session.exec(statement).rowcount:
        doubt_statement = update(RegistryRow).where(col(RegistryRow.name) == key)
        session.exec(doubt_statement.values(doubted_at=clock.now()))


async def _renew_until_lost(key: str, lease_id: str, run_timeout: asyncio.Timeout) -> None:
    """Renew a lease until it is lost, which ends the run; so does its end, if no renewal works.

    Being late alone does not: while nobody has taken over, it is held.
    """
    loop, duration = asyncio.get_running_loop(), get_settings().lease_seconds
    renewed_at, pause, is_held = loop.time(), duration / 3, True
    while is_held:
        await asyncio.sleep(pause)
        started_at, pause = loop.time(), duration / 3
        try:
            async with asyncio.timeout(duration):
                is_held = await in_transaction(_extend, key, lease_id)
            renewed_at = started_at
        except Exception as error:  # whatever the database says, there may be more tries in time
            _log.warning("The lease on %s was not renewed: %s", key, type(error).__name__)
            pause, is_held = duration / 10, loop.time() - renewed_at < duration
    run_timeout.reschedule(loop.time())


def _extend(session: Session, key: str, lease_id: str) -> bool:
    """Hold on to what is still held. A lost lease stays lost: others have worked since."""
    statement = update(LeaseRow).where(col(LeaseRow.key) == key, col(LeaseRow.holder) == lease_id)
    return bool(session.exec(statement.values(expires_at=_expiry(session))).rowcount)
