"""Leases: at most one run at a time per registry or cluster, across all machines.

A lease expires, so a killed run does not block others for long. On PostgreSQL, expiry uses the
clock of the database; on SQLite, the clock of the machine.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar
from uuid import uuid4

from sqlalchemy import ColumnElement, DateTime, func, insert, literal
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, update

from models.core.errors import LeaseHeld
from models.core.runs.lease import LeaseConflict
from models.core.settings import get_settings
from models.tables import LeaseRow, RegistryRow
from models.tables.types import UtcDateTime
from tasks import clock
from tasks.http.fence import fence_requests
from tasks.lease_key import current_lease_key
from tasks.store.session import in_transaction

P = ParamSpec("P")
T = TypeVar("T")

_POLL_SECONDS = 0.25
_MAX_RENEWAL_AGE_FRACTION = 1 / 30
"""Fraction of a lease for which a fence reuses its last renewal: one second by default."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def lease(key: str, *, wait_seconds: float = 0.0, flow_run: str = "") -> AsyncIterator[str]:
    """Hold the lease on `key`, see `load_under_lease`; yield the lease id."""

    def get_lease_id(session: Session, lease_id: str) -> str:
        return lease_id

    async with load_under_lease(
        key, get_lease_id, wait_seconds=wait_seconds, flow_run=flow_run
    ) as lease_id:
        yield lease_id


@asynccontextmanager
async def load_under_lease(
    key: str, load: Callable[[Session, str], T], *, wait_seconds: float = 0.0, flow_run: str = ""
) -> AsyncIterator[T]:
    """Hold the lease on `key` and renew it until the block ends; yield the result of `load`.

    Within the block, every modifying request first verifies the lease. The block is cancelled if
    the lease is lost or cannot be renewed in time.

    Args:
        key: name of the registry, or `clusters.lease_key` of a cluster.
        load: called with the lease id in the transaction that acquires the lease, so after any
            wait for another run. If it raises, the lease is not acquired.
        wait_seconds: how long to wait for another run to release the lease, in seconds.
        flow_run: id of this flow run, for the messages of runs that find the lease held.

    Raises:
        LeaseHeld: another run still holds the lease after `wait_seconds`; or it was lost.
    """
    lease_id = uuid4().hex
    deadline, acquired_at = time.monotonic() + wait_seconds, _read_clocks()
    while (
        loaded := await in_transaction(_acquire_and_load, key, lease_id, load, flow_run)
    ) is None:
        if time.monotonic() >= deadline:
            raise await in_transaction(_lease_held_error, key)
        await asyncio.sleep(_POLL_SECONDS)
        acquired_at = _read_clocks()
    outer_key = current_lease_key.get()
    held_lease = _HeldLease(key, _Fence(key, lease_id, acquired_at))
    try:
        async with asyncio.timeout(None) as timeout:
            renewal = asyncio.create_task(_renew_until_lost(key, lease_id, timeout))
            held_lease.renewal, _held_leases[lease_id] = renewal, held_lease
            try:
                current_lease_key.set(key)
                with fence_requests(held_lease.fence.renew):
                    yield loaded[0]
            finally:
                current_lease_key.set(outer_key)
                del _held_leases[lease_id]
                await held_lease.stop_renewal()
    except TimeoutError:
        if not timeout.expired():
            raise
        raise _lease_lost_error(key, "this run was stopped") from None
    finally:
        if not held_lease.is_released:
            await asyncio.shield(_release_quietly(key, lease_id))


async def save_and_release(
    lease_id: str,
    save: Callable[Concatenate[Session, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Save the results of a run, and release its lease in the same transaction.

    Afterwards, the run can neither send modifying requests nor save anything under this lease.

    Args:
        lease_id: id of a lease that this process holds.
        save: called with the session and the other arguments, see `in_transaction`.

    Raises:
        LeaseHeld: the lease was lost; nothing is saved.
    """
    held_lease = _held_leases.get(lease_id)
    if held_lease is None:
        raise LeaseHeld("this run holds no lease; nothing was saved")
    await held_lease.stop_renewal()  # a renewal after the release would find the lease lost
    held_lease.fence.close()

    def work(session: Session) -> T:
        check_lease(session, held_lease.key, lease_id)
        result = save(session, *args, **kwargs)
        _release(session, held_lease.key, lease_id)
        return result

    result = await in_transaction(work)
    held_lease.is_released = True
    return result


def check_lease(session: Session, key: str, lease_id: str) -> None:
    """Ensure, within the transaction that depends on it, that the lease is still held.

    Raises:
        LeaseHeld: the lease expired (the process was suspended) and another run acquired it.
    """
    row = session.get(LeaseRow, key, with_for_update=True)
    if row is None or row.holder != lease_id:
        raise _lease_lost_error(key, "this step saved nothing", row.flow_run if row else "")


def _lease_held_error(session: Session, key: str) -> LeaseHeld:
    row = session.get(LeaseRow, key)
    conflict = LeaseConflict(flow_run=row.flow_run if row else "")
    return LeaseHeld(f"{key!r} is locked by {conflict.other_run}; nothing was changed", conflict)


def _lease_lost_error(key: str, consequence: str, flow_run: str = "") -> LeaseHeld:
    conflict = LeaseConflict(flow_run=flow_run, is_lost=True)
    message = f"this run lost its lease on {key!r} to {conflict.other_run}; {consequence}"
    return LeaseHeld(message, conflict)


class _Fence:
    """Renew a lease before each modifying request, unless it was renewed just before.

    Args:
        key: key of the lease.
        lease_id: id of the lease.
        acquired_at: clocks just before the lease was acquired, see `_read_clocks`.
    """

    def __init__(self, key: str, lease_id: str, acquired_at: tuple[float, float]) -> None:
        self._key, self._lease_id, self._renewed_at = key, lease_id, acquired_at
        self._is_closed = False

    def close(self) -> None:
        """Block all further modifying requests."""
        self._is_closed = True

    async def renew(self) -> None:
        """Ensure that the lease is held, and extend it.

        Raises:
            LeaseHeld: the lease is lost or released.
        """
        if self._is_closed:
            raise LeaseHeld(f"this run has released its lease on {self._key!r}")
        now = _read_clocks()
        max_age_seconds = _MAX_RENEWAL_AGE_FRACTION * get_settings().lease_seconds
        ages = [later - before for before, later in zip(self._renewed_at, now, strict=True)]
        if all(0 <= age < max_age_seconds for age in ages):
            return
        if not await in_transaction(_extend, self._key, self._lease_id):
            raise _lease_lost_error(self._key, "no further changes are made")
        self._renewed_at = now


class _HeldLease:
    """A lease that this process holds.

    Args:
        key: key of the lease.
        fence: checks its modifying requests.

    Attributes:
        renewal: the task that renews the lease.
        is_released: whether `save_and_release` has released the lease.
    """

    def __init__(self, key: str, fence: _Fence) -> None:
        self.key, self.fence, self.is_released = key, fence, False
        self.renewal: asyncio.Task[None] | None = None

    async def stop_renewal(self) -> None:
        """Stop renewing the lease."""
        if self.renewal is not None:
            self.renewal.cancel()
            with suppress(asyncio.CancelledError):
                await self.renewal


_held_leases: dict[str, _HeldLease] = {}
"""The leases that this process holds, by lease id."""


def _read_clocks() -> tuple[float, float]:
    # Both clocks, in seconds: the monotonic one stops while the machine sleeps.
    return time.monotonic(), time.time()


def _now(session: Session) -> ColumnElement[datetime]:
    """Return the current time of the clock that expiry is compared with."""
    if session.get_bind().dialect.name == "postgresql":
        return func.clock_timestamp(type_=DateTime(timezone=True))
    return literal(clock.now(), UtcDateTime())


def _expiry(session: Session) -> ColumnElement[datetime]:
    duration = timedelta(seconds=get_settings().lease_seconds)
    if session.get_bind().dialect.name == "postgresql":
        return func.clock_timestamp(type_=DateTime(timezone=True)) + duration
    return literal(clock.now() + duration, UtcDateTime())


def _acquire_and_load(
    session: Session, key: str, lease_id: str, load: Callable[[Session, str], T], flow_run: str
) -> tuple[T] | None:
    """Acquire a lease and load what it protects; return None if another run holds it."""
    return (load(session, lease_id),) if _acquire(session, key, lease_id, flow_run) else None


def _acquire(session: Session, key: str, lease_id: str, flow_run: str) -> bool:
    statement = update(LeaseRow).where(
        col(LeaseRow.key) == key, col(LeaseRow.expires_at) < _now(session)
    )
    values = {"holder": lease_id, "flow_run": flow_run, "expires_at": _expiry(session)}
    if session.exec(statement.values(values)).rowcount:
        return True
    try:
        with session.begin_nested():
            session.exec(insert(LeaseRow).values(key=key, **values))
    except IntegrityError:
        return False
    return True


async def _release_quietly(key: str, lease_id: str) -> None:
    """Release a lease; if the database is unreachable, the lease expires."""
    try:
        await in_transaction(_release, key, lease_id)
    except Exception:  # must not hide the result of the run
        _log.warning("Could not release the lease on %s; it will expire", key, exc_info=True)


def _release(session: Session, key: str, lease_id: str) -> None:
    statement = delete(LeaseRow).where(col(LeaseRow.key) == key, col(LeaseRow.holder) == lease_id)
    if not session.exec(statement).rowcount:
        # The lease was lost, and a late change may have been sent: observe again soon.
        doubt_statement = update(RegistryRow).where(col(RegistryRow.name) == key)
        session.exec(doubt_statement.values(doubted_at=clock.now()))


async def _renew_until_lost(key: str, lease_id: str, run_timeout: asyncio.Timeout) -> None:
    """Renew a lease until it is lost or expires without a renewal; then time the run out."""
    # A late renewal is fine: an expired lease is held until another run acquires it.
    loop, duration = asyncio.get_running_loop(), get_settings().lease_seconds
    renewed_at, pause, is_held = loop.time(), duration / 3, True
    while is_held:
        await asyncio.sleep(pause)
        started_at, pause = loop.time(), duration / 3
        try:
            async with asyncio.timeout(duration):
                is_held = await in_transaction(_extend, key, lease_id)
            renewed_at = started_at
        except Exception as error:  # retry on any database error while the lease lasts
            _log.warning("Could not renew the lease on %s: %s", key, type(error).__name__)
            pause, is_held = duration / 10, loop.time() - renewed_at < duration
    run_timeout.reschedule(loop.time())


def _extend(session: Session, key: str, lease_id: str) -> bool:
    # A lost lease is not acquired again: other runs may have made changes since.
    statement = update(LeaseRow).where(col(LeaseRow.key) == key, col(LeaseRow.holder) == lease_id)
    return bool(session.exec(statement.values(expires_at=_expiry(session))).rowcount)
