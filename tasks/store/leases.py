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

from models.core.errors import Busy
from models.core.settings import settings
from models.tables import LeaseRow, RegistryRow
from models.tables.types import UtcDateTime
from tasks import clock
from tasks.http.fence import fenced
from tasks.store.session import stored

_POLL_SECONDS = 0.25
_FRESH = 1 / 30
"""For how much of a lease a fence takes its last answer for granted: a second, with the default."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def leased(key: str, *, patience: float = 0.0) -> AsyncIterator[str]:
    """Hold the lease on `key`, renewed until the block ends; yields the holder's id.

    Within the block, requests that change anything are held to the lease. It ends early if the
    lease cannot be renewed in time, or is lost.

    Args:
        key: name of the registry.
        patience: seconds to wait for another run to end.

    Raises:
        Busy: another run holds it, and did so until patience ended; or it was lost.
    """
    holder = uuid4().hex
    deadline = time.monotonic() + patience
    while not await stored(_take, key, holder):
        if time.monotonic() >= deadline:
            raise Busy(f"another run works on {key!r} right now; this one changed nothing")
        await asyncio.sleep(_POLL_SECONDS)
    try:
        async with asyncio.timeout(None) as end:
            renewal = asyncio.create_task(_renew(key, holder, end))
            try:
                with fenced(_Fence(key, holder).check):
                    yield holder
            finally:
                renewal.cancel()
                with suppress(asyncio.CancelledError):
                    await renewal
    except TimeoutError:
        if not end.expired():
            raise
        raise _lost(key, "it was stopped") from None
    finally:
        await asyncio.shield(_give_back(key, holder))


def check_held(session: Session, key: str, holder: str) -> None:
    """Make sure, within the transaction that depends on it, that the lease is still held.

    Raises:
        Busy: it expired (this run was stopped for long) and another run has taken over.
    """
    row = session.get(LeaseRow, key, with_for_update=True)
    if row is None or row.holder != holder:
        raise _lost(key, "nothing was saved")


def _lost(key: str, so: str) -> Busy:
    return Busy(f"this run lost its lease on {key!r} to another one; {so}")


class _Fence:
    """Renews a lease before each request that changes anything, unless that was just done.

    Two clocks count, since one of them stands still while a machine sleeps.
    """

    def __init__(self, key: str, holder: str) -> None:
        self._key, self._holder = key, holder
        self._asked: tuple[float, float] | None = None

    async def check(self) -> None:
        """Make sure that the lease is held, and for a while longer.

        Raises:
            Busy: it is lost.
        """
        now, fresh = (time.monotonic(), time.time()), _FRESH * settings().lease_seconds
        if self._asked is not None and all(
            0 <= later - before < fresh for before, later in zip(self._asked, now, strict=True)
        ):
            return
        if not await stored(_extend, self._key, self._holder):
            raise _lost(self._key, "it changes nothing any more")
        self._asked = now


def _now(session: Session) -> ColumnElement[datetime]:
    """The time by the clock that counts."""
    if session.get_bind().dialect.name == "postgresql":
        return func.clock_timestamp(type_=DateTime(timezone=True))
    return literal(clock.now(), UtcDateTime())


def _until(session: Session) -> ColumnElement[datetime]:
    lasts = timedelta(seconds=settings().lease_seconds)
    if session.get_bind().dialect.name == "postgresql":
        return func.clock_timestamp(type_=DateTime(timezone=True)) + lasts
    return literal(clock.now() + lasts, UtcDateTime())


def _take(session: Session, key: str, holder: str) -> bool:
    expired = update(LeaseRow).where(
        col(LeaseRow.key) == key, col(LeaseRow.expires_at) < _now(session)
    )
    values = {"holder": holder, "expires_at": _until(session)}
    if session.exec(expired.values(values)).rowcount:
        return True
    try:
        with session.begin_nested():
            session.exec(insert(LeaseRow).values(key=key, **values))
    except IntegrityError:
        return False
    return True


async def _give_back(key: str, holder: str) -> None:
    """Release a lease; a database that cannot be asked lets it expire."""
    try:
        await stored(_release, key, holder)
    except Exception:  # it must not hide how the run ended
        _log.warning("The lease on %s was not given back and expires", key, exc_info=True)


def _release(session: Session, key: str, holder: str) -> None:
    """Give a lease back. If it was lost, a late change may have gone out: look again at once."""
    held = delete(LeaseRow).where(col(LeaseRow.key) == key, col(LeaseRow.holder) == holder)
    if not session.exec(held).rowcount:
        doubted = update(RegistryRow).where(col(RegistryRow.name) == key)
        session.exec(doubted.values(doubted_at=clock.now()))


async def _renew(key: str, holder: str, end: asyncio.Timeout) -> None:
    """Renew a lease until it is lost, which ends the run; so does its end, if no renewal works.

    Being late alone does not: while nobody has taken over, it is held.
    """
    loop, lasts = asyncio.get_running_loop(), settings().lease_seconds
    renewed, pause, held = loop.time(), lasts / 3, True
    while held:
        await asyncio.sleep(pause)
        began, pause = loop.time(), lasts / 3
        try:
            async with asyncio.timeout(lasts):
                held = await stored(_extend, key, holder)
            renewed = began
        except Exception as error:  # whatever the database says, there may be more tries in time
            _log.warning("The lease on %s was not renewed: %s", key, type(error).__name__)
            pause, held = lasts / 10, loop.time() - renewed < lasts
    end.reschedule(loop.time())


def _extend(session: Session, key: str, holder: str) -> bool:
    """Hold on to what is still held. A lost lease stays lost: others have worked since."""
    held = update(LeaseRow).where(col(LeaseRow.key) == key, col(LeaseRow.holder) == holder)
    return bool(session.exec(held.values(expires_at=_until(session))).rowcount)
