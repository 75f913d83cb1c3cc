"""Detect runs whose process is dead, set them to Crashed, and release their concurrency slots.

Prefect keeps slot leases in the memory of its server, and a run that was killed with its worker
stays Running. Without this cleanup, a power failure would stop the schedule permanently.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anyio
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Crashed

from deployments.environment import WORK_POOL
from models.core.runs.liveness import UnfinishedRun, find_leaked_limits, find_suspects, is_dead

_CHECK_INTERVAL_SECONDS = 30
_PAGE_SIZE = 200
_UNFINISHED_STATES = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_DEPLOYMENT_LIMIT_PREFIX = "deployment:"

logger = logging.getLogger("prefect.workers.dead_runs")


async def crash_all_runs(message: str) -> int:
    """Set all unfinished runs of the work pool to Crashed, and release all its slots.

    Call it only when no worker of the work pool is running, i.e. just after a server start. Runs of
    other work pools are not changed.

    Args:
        message: message of the Crashed states.

    Returns:
        The number of runs.
    """
    async with get_client() as client:
        runs = await _read_unfinished_runs(client)
        for run in runs:
            await crash_run(client, run, message)
        for limit, used in (await _read_used_slots(client)).items():
            if used:
                await _set_slots(client, limit, 0)
    return len(runs)


async def crash_run(client: PrefectClient, run: FlowRun, message: str) -> None:
    """Set a run and its unfinished tasks to Crashed, which releases its slot."""
    cancelling = run.state_type is StateType.CANCELLING
    state: Any = Cancelled(message=message) if cancelling else Crashed(message=message)
    await client.set_flow_run_state(run.id, state)
    for task_run in await client.read_task_runs(
        flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": [run.id]}}),
        task_run_filter=TaskRunFilter(
            state=TaskRunFilterState(type=TaskRunFilterStateType(any_=_UNFINISHED_STATES))
        ),
    ):
        await client.set_task_run_state(task_run.id, Crashed(message=message), force=True)


async def watch_runs() -> None:
    """Check the runs of the work pool every 30 seconds until cancelled."""
    watcher = RunWatcher()
    async with get_client() as client:
        while True:
            await anyio.sleep(_CHECK_INTERVAL_SECONDS)
            try:
                await watcher.check(client, datetime.now(UTC))
            except Exception as error:  # the next check retries
                logger.warning("could not check the runs of the work pool: %s", error)
                watcher = RunWatcher()


@dataclass
class RunWatcher:
    """State of an uninterrupted series of checks.

    Attributes:
        since: time of the first check.
        excess_slots: slots in use minus unfinished runs, by limit, at the last check.
    """

    since: datetime | None = None
    excess_slots: dict[str, int] = field(default_factory=dict)

    async def check(self, client: PrefectClient, now: datetime) -> None:
        """Crash dead runs and release leaked slots."""
        self.since = self.since or now
        slots = await _read_used_slots(client)
        runs = await _read_unfinished_runs(client)
        for run in await self._find_dead_runs(client, runs, now):
            logger.warning("flow run '%s' is dead: no heartbeats", run.name)
            await crash_run(client, run, "its process stopped sending heartbeats")
        await self._free_leaked_slots(client, slots, runs)

    async def _find_dead_runs(
        self, client: PrefectClient, runs: list[FlowRun], now: datetime
    ) -> list[FlowRun]:
        by_id = {str(run.id): run for run in runs}
        unfinished = tuple(_to_unfinished_run(run) for run in runs)
        return [
            by_id[run.id]
            for run in find_suspects(unfinished, self.since or now, now)
            if is_dead(await _read_last_heartbeat(client, run.id), now)
        ]

    async def _free_leaked_slots(
        self, client: PrefectClient, slots: dict[str, int], runs: Iterable[FlowRun]
    ) -> None:
        busy = Counter(f"{_DEPLOYMENT_LIMIT_PREFIX}{run.deployment_id}" for run in runs)
        excess = {limit: used - busy[limit] for limit, used in slots.items()}
        for limit in find_leaked_limits(self.excess_slots, excess):
            logger.warning(
                "releasing leaked slots of %s: %d more in use than running", limit, excess[limit]
            )
            await _set_slots(client, limit, busy[limit])
        self.excess_slots = excess


def _to_unfinished_run(run: FlowRun) -> UnfinishedRun:
    started = run.state_type is not StateType.PENDING
    since = run.state.timestamp if run.state else datetime.now(UTC)
    return UnfinishedRun(id=str(run.id), is_started=started, since=since)


def _work_pool_filter() -> WorkPoolFilter:
    return WorkPoolFilter(name=WorkPoolFilterName(any_=[WORK_POOL]))


async def _read_unfinished_runs(client: PrefectClient) -> list[FlowRun]:
    runs: list[FlowRun] = []
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNFINISHED_STATES))
    while True:
        page = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=state),
            work_pool_filter=_work_pool_filter(),
            limit=_PAGE_SIZE,
            offset=len(runs),
        )
        runs += page
        if len(page) < _PAGE_SIZE:
            return runs


async def _read_used_slots(client: PrefectClient) -> dict[str, int]:
    """Return the slots in use per deployment of the work pool, by name of the limit."""
    deployments = await client.read_deployments(
        work_pool_filter=_work_pool_filter(), limit=_PAGE_SIZE
    )
    return {
        f"{_DEPLOYMENT_LIMIT_PREFIX}{deployment.id}": limit.active_slots
        for deployment in deployments
        if (limit := deployment.global_concurrency_limit) is not None
    }


async def _set_slots(client: PrefectClient, limit: str, used: int) -> None:
    update = GlobalConcurrencyLimitUpdate(active_slots=used)
    await client.update_global_concurrency_limit(limit, update)


async def _read_last_heartbeat(client: PrefectClient, run_id: str) -> datetime | None:
    event_filter = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{run_id}"]},
        "order": "DESC",
    }
    answer = await client.request(
        "POST", "/events/filter", json={"filter": event_filter, "limit": 1}
    )
    events = answer.raise_for_status().json()["events"]
    return datetime.fromisoformat(events[0]["occurred"]) if events else None
