"""Leases: one run at a time on one registry, on however many machines.

A lease expires by itself, so a killed run holds nothing up for long. Machines' clocks may differ by
a part of the lease, no more.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, col, delete, update

from models.errors import Busy
from models.settings import settings
from models.tables import LeaseRow
from tasks import clock
from tasks.store.session import stored

_POLL_SECONDS = 0.25


@asynccontextmanager
async def leased(key: str, *, patience: float = 0.0) -> AsyncIterator[str]:
    """Hold the lease on `key`, renewed until the block ends; yields the holder's id.

    Args:
        key: name of the registry.
        patience: seconds to wait for another run to end.

    Raises:
        Busy: another run holds it, and did so until patience ended.
    """
    holder = uuid4().hex
    deadline = time.monotonic() + patience
    while not await stored(_take, key, holder):
        if time.monotonic() >= deadline:
            raise Busy(f"another run works on {key!r} right now; this one changed nothing")
        await asyncio.sleep(_POLL_SECONDS)
    renewal = asyncio.create_task(_renew(key, holder))
    try:
        yield holder
    finally:
        renewal.cancel()
        with suppress(asyncio.CancelledError):
            await renewal
        await asyncio.shield(stored(_release, key, holder))


def check_held(session: Session, key: str, holder: str) -> None:
    """Make sure, within the transaction that depends on it, that the lease is still held.

    Raises:
        Busy: it expired (this run was stopped for long) and another run has taken over.
    """
    row = session.get(LeaseRow, key, with_for_update=True)
    if row is None or row.holder != holder:
        raise Busy(f"this run lost its lease on {key!r} to another one; nothing was saved")


def _take(session: Session, key: str, holder: str) -> bool:
    expired = update(LeaseRow).where(
        col(LeaseRow.key) == key, col(LeaseRow.expires_at) < clock.now()
    )
    taken = session.exec(expired.values(holder=holder, expires_at=_until()))
    if taken.rowcount:
        return True
    try:
        with session.begin_nested():
            session.add(LeaseRow(key=key, holder=holder, expires_at=_until()))
    except IntegrityError:
        return False
    return True


def _until() -> datetime:
    return clock.now() + timedelta(seconds=settings().lease_seconds)


def _release(session: Session, key: str, holder: str) -> None:
    session.exec(delete(LeaseRow).where(col(LeaseRow.key) == key, col(LeaseRow.holder) == holder))


async def _renew(key: str, holder: str) -> None:
    while True:
        await asyncio.sleep(settings().lease_seconds / 3)
        with suppress(OperationalError):  # a busy database: there are two more tries in time
            await stored(_extend, key, holder)


def _extend(session: Session, key: str, holder: str) -> None:
    """Hold on to what is still held. A lost lease stays lost: others have worked since."""
    held = update(LeaseRow).where(col(LeaseRow.key) == key, col(LeaseRow.holder) == holder)
    session.exec(held.values(expires_at=_until()))
