"""Worker process: Prefect's process worker, and a watcher for dead runs."""

import asyncio
import os
import signal
import sys
import warnings
from contextlib import suppress
from uuid import UUID

import anyio
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.logging.configuration import setup_logging
from prefect.workers import process
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from deployments.environment import WORK_POOL
from deployments.worker.dead_runs import crash_run, watch_runs

# It replaces Prefect's own worker for this work pool type, which is intended.
warnings.filterwarnings("ignore", "Type 'RegistriesWorker'", UserWarning)

_SHUTDOWN_SECONDS = 2.0
_REPORT_SECONDS = 1.5


class RegistriesWorker(ProcessWorker):
    """Process worker that tracks its active runs."""

    def __init__(self, name: str, limit: int) -> None:
        super().__init__(work_pool_name=WORK_POOL, name=name, limit=limit)
        self.active_runs: set[UUID] = set()
        self.is_idle_event = asyncio.Event()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: "anyio.abc.TaskStatus[int] | None" = None,
    ) -> ProcessWorkerResult:
        """Run a flow in its own process."""
        self.active_runs.add(flow_run.id)
        self.is_idle_event.clear()
        result = await super().run(flow_run, configuration, task_status)
        self.active_runs.discard(flow_run.id)
        if not self.active_runs:
            self.is_idle_event.set()
        return result


async def load_flow_without_hooks(flow_run: FlowRun) -> Flow[[], None]:
    """Return a flow without hooks, for a run that was cancelled or that crashed.

    Prefect loads the flow of such a run in the worker, only to call its `on_cancellation` or
    `on_crashed` hooks. Our flows have none (`tests/serving/test_fork_server.py`), and loading
    them here would import all their modules, and change the working directory and `sys.path`.
    """
    return Flow(lambda: None, name=flow_run.name)


async def run_worker(name: str, limit: int) -> None:
    """Run the worker until SIGTERM; then set interrupted runs to Crashed and exit at once."""
    # The only way to name a resolver; a public function that Prefect's worker passes on.
    vars(process)["load_flow_from_flow_run"] = load_flow_without_hooks
    worker = RegistriesWorker(name, limit)
    stop_event = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop_event.set)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch_runs)
        tasks.start_soon(_crash_runs_on, stop_event, worker)
        await worker.start()
        tasks.cancel_scope.cancel()


async def _crash_runs_on(stop_event: asyncio.Event, worker: RegistriesWorker) -> None:
    # The runs get SIGTERM too: give them a moment to report, and crash the rest.
    await stop_event.wait()
    if worker.active_runs:
        with anyio.move_on_after(_SHUTDOWN_SECONDS):
            await worker.is_idle_event.wait()
    with suppress(Exception), anyio.move_on_after(_REPORT_SECONDS):
        async with get_client() as client:
            for run_id in tuple(worker.active_runs):
                run = await client.read_flow_run(run_id)
                if run.state is not None and not run.state.is_final():
                    await crash_run(client, run, "its worker was stopped")
    os._exit(0)  # Prefect would wait for each run; they are killed with this process


if __name__ == "__main__":
    setup_logging()
    asyncio.run(run_worker(sys.argv[1], int(sys.argv[2])))
