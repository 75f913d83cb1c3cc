"""Runs whose worker died, on a real Prefect server."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate, WorkPoolCreate
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Pending, Running

from deployments.environment import WORK_POOL
from deployments.worker.dead_runs import RunWatcher, crash_all_runs
from models.core.runs.liveness import HEARTBEAT_TIMEOUT


async def _deployment(client: PrefectClient, pool: str = WORK_POOL) -> UUID:
    if pool not in {work_pool.name for work_pool in await client.read_work_pools()}:
        await client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    flow = await client.create_flow_from_name(f"flow-{uuid4()}")
    return await client.create_deployment(
        flow_id=flow, name="default", work_pool_name=pool, concurrency_limit=3
    )


async def _running(client: PrefectClient, deployment: UUID) -> FlowRun:
    run = await client.create_flow_run_from_deployment(deployment)
    states: tuple[State[object], ...] = (Pending(), Running())
    for state in states:
        await client.set_flow_run_state(run.id, state)
    return run


async def _send_heartbeat(client: PrefectClient, run: FlowRun, at: datetime) -> None:
    """Send one as the run's process would, and wait until the server has written it down."""
    event = {
        "id": str(uuid4()),
        "occurred": at.isoformat(),
        "event": "prefect.flow-run.heartbeat",
        "resource": {"prefect.resource.id": f"prefect.flow-run.{run.id}"},
    }
    (await client.request("POST", "/events", json=[event])).raise_for_status()
    query = {"filter": {"id": {"id": [event["id"]]}}}
    while not (await client.request("POST", "/events/filter", json=query)).json()["events"]:
        await asyncio.sleep(0.05)


async def _state(client: PrefectClient, run: FlowRun) -> StateType | None:
    return (await client.read_flow_run(run.id)).state_type


async def _slots(client: PrefectClient, deployment: UUID) -> int:
    limit = await client.read_global_concurrency_limit_by_name(f"deployment:{deployment}")
    return limit.active_slots


@pytest.mark.usefixtures("prefect_server")
async def test_who_sends_no_heartbeats_is_crashed_and_gives_its_slot_back() -> None:
    async with get_client() as client:
        deployment = await _deployment(client)
        silent, alive = [await _running(client, deployment) for _ in range(2)]
        # The server shows no events of the future, so the last heartbeat is of now.
        now = datetime.now(UTC)
        later = now + HEARTBEAT_TIMEOUT
        await _send_heartbeat(client, alive, now)
        watcher = RunWatcher()
        await watcher.check(client, now)
        assert await _state(client, silent) is StateType.RUNNING
        await watcher.check(client, later)
        assert await _state(client, silent) is StateType.CRASHED
        assert await _state(client, alive) is StateType.RUNNING
        assert await _slots(client, deployment) == 1


@pytest.mark.usefixtures("prefect_server")
async def test_a_slot_that_no_run_holds_is_given_back() -> None:
    async with get_client() as client:
        deployment = await _deployment(client)
        await _running(client, deployment)
        leak = GlobalConcurrencyLimitUpdate(active_slots=3)
        await client.update_global_concurrency_limit(f"deployment:{deployment}", leak)
        watcher = RunWatcher()
        now = datetime.now(UTC)
        await watcher.check(client, now)
        assert await _slots(client, deployment) == 3  # it may be a run that just ended
        await watcher.check(client, now)
        assert await _slots(client, deployment) == 1


@pytest.mark.usefixtures("prefect_server")
async def test_a_server_that_was_killed_starts_with_nothing_running_and_free_slots() -> None:
    async with get_client() as client:
        deployment = await _deployment(client)
        running = await _running(client, deployment)
        pending = await client.create_flow_run_from_deployment(deployment)
        await client.set_flow_run_state(pending.id, Pending())
        scheduled = await client.create_flow_run_from_deployment(deployment)
        leak = GlobalConcurrencyLimitUpdate(active_slots=3)
        await client.update_global_concurrency_limit(f"deployment:{deployment}", leak)
        assert await crash_all_runs("cut off") >= 2
        states = [await _state(client, run) for run in (running, pending, scheduled)]
        assert states == [StateType.CRASHED, StateType.CRASHED, StateType.SCHEDULED]
        assert await _slots(client, deployment) == 0


@pytest.mark.usefixtures("prefect_server")
async def test_what_others_run_on_the_same_server_is_left_alone() -> None:
    async with get_client() as client:
        deployment = await _deployment(client, "another-team")
        run = await _running(client, deployment)
        watcher, now = RunWatcher(), datetime.now(UTC)
        for seconds in (0, 130, 260):
            await watcher.check(client, now + timedelta(seconds=seconds))
        await crash_all_runs("cut off")
        assert await _state(client, run) is StateType.RUNNING
        assert await _slots(client, deployment) == 1
