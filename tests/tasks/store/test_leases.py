"""Leases: one run at a time, also between processes, and never for ever."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, delete, text, update

from models.core.errors import InvalidRequest, LeaseHeld
from models.core.runs.lease import LeaseConflict
from models.core.settings import get_settings
from models.tables import LeaseRow, RegistryRow
from tasks import clock
from tasks.http.fence import check_fence
from tasks.store.leases import check_lease, lease, load_under_lease, save_and_release
from tasks.store.registries import registries
from tasks.store.session import in_transaction, run_in_transaction
from tests.support import processes
from tests.support.databases import DATABASE
from tests.support.processes import finish
from tests.tasks.store.tools import integrate, rows, start

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let leases be as short as they may be."""
    monkeypatch.setenv("REGISTRY_INTEGRATION_LEASE_SECONDS", "1")
    get_settings.cache_clear()


def _take_over(session: Session, lease_id: str, flow_run: str = "") -> None:
    """What another run does to a lease that has expired."""
    until = clock.now() + timedelta(seconds=60)
    values = {"holder": lease_id, "flow_run": flow_run, "expires_at": until}
    session.exec(update(LeaseRow).values(**values))


async def _wait_until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.05)


async def test_the_run_that_holds_it_is_named() -> None:
    async with lease("prod", flow_run="0f6d") as lease_id:
        with pytest.raises(LeaseHeld, match=r"another run \(flow run 0f6d\); nothing") as held:
            async with lease("prod"):
                pytest.fail("two hold one lease")
        assert held.value.conflict == LeaseConflict(flow_run="0f6d")
        run_in_transaction(_take_over, "another", "77aa")
        with pytest.raises(LeaseHeld, match=r"to another run \(flow run 77aa\)"):
            run_in_transaction(check_lease, "prod", lease_id)


async def test_one_at_a_time() -> None:
    async with lease("prod"):
        with pytest.raises(LeaseHeld, match="'prod' is locked by another run; nothing was changed"):
            async with lease("prod"):
                pytest.fail("two hold one lease")
        async with lease("other"):
            pass
    async with lease("prod"):
        pass
    assert rows(LeaseRow) == []


async def test_a_run_that_fails_gives_it_back() -> None:
    with pytest.raises(ValueError, match="on purpose"):
        async with lease("prod"):
            raise ValueError("on purpose")
    assert rows(LeaseRow) == []


async def test_who_has_patience_waits() -> None:
    order: list[str] = []

    async def late() -> None:
        async with lease("prod", wait_seconds=30):
            order.append("late")

    async with lease("prod"):
        waiting = asyncio.create_task(late())
        await asyncio.sleep(0.4)
        order.append("early")
    await waiting
    assert order == ["early", "late"]


async def test_patience_ends() -> None:
    async with lease("prod"):
        began = time.monotonic()
        with pytest.raises(LeaseHeld):
            async with lease("prod", wait_seconds=0.5):
                pytest.fail("two hold one lease")
        assert 0.5 <= time.monotonic() - began < 10


async def test_two_at_once_and_one_has_it() -> None:
    lease_ids: list[str] = []

    async def attempt() -> None:
        with suppress(LeaseHeld):
            async with lease("prod") as lease_id:
                lease_ids.append(lease_id)
                await asyncio.sleep(1)

    await asyncio.gather(*(attempt() for _ in range(4)))
    assert len(lease_ids) == 1


@pytest.mark.usefixtures("short")
async def test_renewed_for_as_long_as_it_is_needed() -> None:
    async with lease("prod") as lease_id:
        await asyncio.sleep(2)
        with pytest.raises(LeaseHeld):
            async with lease("prod"):
                pytest.fail("it was not renewed")
        await in_transaction(check_lease, "prod", lease_id)


async def test_held_is_checked() -> None:
    async with lease("prod") as lease_id:
        await in_transaction(check_lease, "prod", lease_id)
        with pytest.raises(LeaseHeld, match="lost its lease"):
            await in_transaction(check_lease, "prod", "another")
    with pytest.raises(LeaseHeld, match="lost its lease"):
        await in_transaction(check_lease, "prod", lease_id)


async def test_a_take_over_is_noticed_and_respected() -> None:
    async with lease("prod") as lease_id:
        await in_transaction(_take_over, "another")
        with pytest.raises(LeaseHeld, match="lost its lease"):
            await in_transaction(check_lease, "prod", lease_id)
    assert [row.holder for row in rows(LeaseRow)] == ["another"]


@pytest.mark.usefixtures("short")
async def test_a_run_ends_when_its_lease_is_lost_and_does_not_take_it_up_again() -> None:
    """Another run took over, worked, and ended: what this one knows is old."""
    with pytest.raises(
        LeaseHeld, match="lost its lease on 'prod' to another run; this run was stopped"
    ):
        async with lease("prod"):
            await in_transaction(_end_lease)
            await asyncio.Event().wait()
    assert rows(LeaseRow) == []


def _end_lease(session: Session) -> None:
    session.exec(delete(LeaseRow))


async def test_after_the_lease_is_lost_nothing_is_sent_that_changes_anything() -> None:
    """The fence lets requests through that only read."""
    integrate()
    with pytest.raises(LeaseHeld, match="no further changes are made"):
        async with lease("prod"):
            await check_fence("PUT")
            await in_transaction(_end_lease)
            await check_fence("GET")
            await _check_until_renewal_is_old("DELETE")


async def _check_until_renewal_is_old(method: str) -> None:
    async with asyncio.timeout(20):
        while True:
            await check_fence(method)
            await asyncio.sleep(0.01)


async def test_the_innermost_lease_counts_and_without_one_there_is_no_fence() -> None:
    await check_fence("PUT")
    async with lease("prod"):
        async with lease("cluster/eu"):
            await in_transaction(_end_lease)
            with pytest.raises(LeaseHeld, match="cluster/eu"):
                await _check_until_renewal_is_old("PUT")
        with pytest.raises(LeaseHeld, match="prod"):
            await asyncio.create_task(_check_until_renewal_is_old("POST"))


async def test_a_lost_lease_makes_the_registry_due_at_once() -> None:
    integrate()
    looked_at = clock.now()

    def is_due() -> bool:
        (prod,) = run_in_transaction(registries.list_registries)
        return prod.is_due(get_settings().poll_policy, looked_at)

    run_in_transaction(
        lambda session: session.exec(update(RegistryRow).values(looked_at=looked_at))
    )
    async with lease("prod"):
        pass
    assert not is_due()
    async with lease("prod"):
        await in_transaction(_end_lease)
    assert is_due()
    later = clock.now()
    run_in_transaction(lambda session: session.exec(update(RegistryRow).values(looked_at=later)))
    assert not is_due()


@pytest.mark.parametrize("back", [True, False])
async def test_renewal_survives_every_database_error_until_the_lease_ends(
    back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_LEASE_SECONDS", "3")
    get_settings.cache_clear()
    is_held = False
    with nullcontext() if back else pytest.raises(LeaseHeld, match="this run was stopped"):
        async with lease("prod") as lease_id:
            await in_transaction(_rename, "lease", "elsewhere")
            await asyncio.sleep(1.5)  # one renewal and more
            if back:
                await in_transaction(_rename, "elsewhere", "lease")
                await asyncio.sleep(3)
                await in_transaction(check_lease, "prod", lease_id)
                is_held = True
            else:
                await asyncio.Event().wait()
    assert is_held is back
    if not back:
        await in_transaction(_rename, "elsewhere", "lease")


def _rename(session: Session, name: str, other: str) -> None:
    session.connection().execute(text(f"ALTER TABLE {name} RENAME TO {other}"))


async def test_the_clock_of_the_database_counts(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose clock is an hour ahead takes over nothing that is held."""
    if database.startswith("sqlite"):
        pytest.skip("the database is on the same machine")
    async with lease("prod"):
        ahead = clock.now() + timedelta(hours=1)
        monkeypatch.setattr(clock, "now", lambda: ahead)
        with pytest.raises(LeaseHeld):
            async with lease("prod"):
                pytest.fail("two hold one lease")


def _hold(key: str) -> None:
    async def hold() -> None:
        async with lease(key):
            await asyncio.sleep(60)

    asyncio.run(hold())


async def test_a_killed_run_holds_nothing_up_for_long(database: str) -> None:
    process = processes.start(
        {DATABASE: database, "REGISTRY_INTEGRATION_LEASE_SECONDS": "3"}, _hold, "prod"
    )

    async def has_lease() -> bool:
        return bool(rows(LeaseRow))

    await _wait_until(has_lease)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join(10)
    with pytest.raises(LeaseHeld):
        async with lease("prod"):
            pytest.fail("a killed run's lease ended at once")
    async with lease("prod", wait_seconds=60):
        pass


def _count_up(counter: Path, times: int) -> None:
    async def count() -> None:
        for _ in range(times):
            async with lease("counter", wait_seconds=60):
                number = int(counter.read_text())
                await asyncio.sleep(0.01)
                counter.write_text(str(number + 1))

    asyncio.run(count())


def test_processes_lose_no_update(database: str, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    finish(*(start(database, _count_up, counter, 6) for _ in range(2)))
    assert counter.read_text() == "12"


def test_a_check_keeps_others_from_taking_over_before_the_transaction_ends(database: str) -> None:
    """Between the check and the commit nobody may slip in."""
    if database.startswith("sqlite"):
        pytest.skip(f"a transaction has the whole database here ({sqlite3.sqlite_version})")
    until = clock.now() - timedelta(seconds=1)
    run_in_transaction(
        lambda session: session.add(LeaseRow(key="prod", holder="me", expires_at=until))
    )

    async def attempt() -> None:
        async with lease("prod", wait_seconds=30) as other:
            order.append("taken over")
            await in_transaction(check_lease, "prod", other)

    async def slow_save() -> None:
        def work(session: Session) -> None:
            check_lease(session, "prod", "me")
            time.sleep(0.6)
            order.append("saved")

        await in_transaction(work)

    async def run_both() -> None:
        saving = asyncio.create_task(slow_save())
        await asyncio.sleep(0.2)
        await asyncio.gather(saving, attempt())

    order: list[str] = []
    asyncio.run(run_both())
    assert order == ["saved", "taken over"]


async def test_what_is_loaded_is_loaded_after_the_wait_and_under_the_lease() -> None:
    async def late() -> None:
        async with load_under_lease("prod", load, wait_seconds=30) as loaded:
            results.append(loaded)

    def load(session: Session, lease_id: str) -> str:
        check_lease(session, "prod", lease_id)
        return session.get_one(RegistryRow, "prod").description

    results: list[str] = []
    integrate()
    async with lease("prod"):
        waiting = asyncio.create_task(late())
        await asyncio.sleep(0.4)
        values = {"description": "changed while it waited"}
        await in_transaction(lambda session: session.exec(update(RegistryRow).values(values)))
    await waiting
    assert results == ["changed while it waited"]


async def test_a_load_that_fails_leaves_no_lease() -> None:
    def load(session: Session, lease_id: str) -> None:
        raise InvalidRequest("no such registry")

    with pytest.raises(InvalidRequest, match="no such registry"):
        async with load_under_lease("prod", load):
            pytest.fail("nothing was loaded")
    assert rows(LeaseRow) == []


def _save(session: Session, description: str) -> None:
    session.exec(update(RegistryRow).values(description=description))


async def test_a_lease_is_released_with_what_is_saved() -> None:
    integrate()
    async with lease("prod") as lease_id:
        await save_and_release(lease_id, _save, "saved")
        assert (rows(LeaseRow), rows(RegistryRow)[0].description) == ([], "saved")
        with pytest.raises(LeaseHeld, match="has released its lease on 'prod'"):
            await check_fence("PUT")
        with pytest.raises(LeaseHeld, match="lost its lease"):
            await save_and_release(lease_id, _save, "twice")
        await check_fence("GET")
        async with lease("prod"):
            pass
    (row,) = rows(RegistryRow)
    assert (row.description, row.doubted_at) == ("saved", None)
    with pytest.raises(LeaseHeld, match="holds no lease"):
        await save_and_release(lease_id, _save, "too late")


@pytest.mark.parametrize("end", [_end_lease, lambda session: _take_over(session, "another")])
async def test_nothing_is_saved_under_a_lost_lease(end: Callable[[Session], None]) -> None:
    integrate()
    async with lease("prod") as lease_id:
        await in_transaction(end)
        with pytest.raises(LeaseHeld, match="lost its lease on 'prod' to another run; this step"):
            await save_and_release(lease_id, _save, "saved")
    (row,) = rows(RegistryRow)
    assert row.description != "saved"
    assert row.doubted_at is not None


async def test_what_cannot_be_saved_keeps_the_lease_until_the_run_ends() -> None:
    def fail(session: Session) -> None:
        _save(session, "saved")
        raise ValueError("on purpose")

    integrate()
    async with lease("prod") as lease_id:
        with pytest.raises(ValueError, match="on purpose"):
            await save_and_release(lease_id, fail)
        assert [row.holder for row in rows(LeaseRow)] == [lease_id]
    (row,) = rows(RegistryRow)
    assert (rows(LeaseRow), row.doubted_at) == ([], None)
    assert row.description != "saved"


@pytest.mark.usefixtures("short")
async def test_a_slow_save_is_not_stopped_by_the_renewal() -> None:
    def save_slowly(session: Session) -> None:
        time.sleep(2)

    async with lease("prod") as lease_id:
        await save_and_release(lease_id, save_slowly)
        await asyncio.sleep(1)
    assert rows(LeaseRow) == []
