"""A machine on which the product is served, cut off, and served again, on the same data."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from deployments.environment import HOST, PROJECT_DIR, prepare_data_dir
from tests.deploying.prefect_api import FINAL_STATES, MAX_WAIT_SECONDS, Api
from tests.support.product_server import (
    ProductServer,
    free_port,
    start,
    start_serving,
    stop,
    wait_for_answer,
    wait_for_log,
)

_HANGING = {
    "REGISTRY_INTEGRATION_READ_SECONDS": "600",
    "REGISTRY_INTEGRATION_OPERATION_SECONDS": "600",
    "REGISTRY_INTEGRATION_LOOK_INTERVAL_SECONDS": "5",
    "REGISTRY_INTEGRATION_STORAGE_INTERVAL_SECONDS": "10",
}
"""What hangs does so until the end; and there is always something to do."""


@dataclass(frozen=True)
class ProductRun:
    """The product, from one start to its end."""

    process: "subprocess.Popen[bytes]"
    product: ProductServer
    api: Api
    at: datetime

    def kill(self) -> None:
        """Kill the process that was started, as the power does, and wait for the others' end."""
        self.process.kill()
        self.process.wait()
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while processes := _processes_on(self.product.data_dir):
            assert time.monotonic() < deadline, processes
            time.sleep(0.1)

    def stop(self) -> list[str]:
        """Ask it to end, and return what it left behind."""
        stop(self.process)
        return _processes_on(self.product.data_dir)

    def start_hanging_runs(self, *flows: str) -> list[str]:
        """Start a run of each flow, and return them once all of them hang."""
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while True:
            runs = [self._wait_for_running(flow) for flow in flows]
            # A run that does not hang ends before another one has started and ended.
            self.api.run("rotate-credentials", overdue_only=True)
            if self.states(*runs) == {"RUNNING"}:
                return runs
            assert time.monotonic() < deadline, f"{flows} do not hang"

    def _wait_for_running(self, flow: str) -> str:
        """Return a run of a flow that is running: the schedule's, if that has its only slot."""
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        run_id = ""
        while True:
            running_runs = [run for run in self.api.runs(flow) if run["state_type"] == "RUNNING"]
            if running_runs:
                return str(running_runs[-1]["id"])
            assert time.monotonic() < deadline, f"{flow} does not run"
            if (
                not run_id or self.states(run_id) <= FINAL_STATES
            ):  # too early, or the slot was taken
                run_id = self.api.start(flow, {})
            time.sleep(0.3)

    def states(self, *runs: str) -> set[str]:
        """What has become of runs."""
        return {self.api.request("GET", f"/flow_runs/{run}")["state_type"] for run in runs}

    def wait_until_completed(self, flow: str) -> None:
        """Wait until a run of a flow that began after this start has completed."""
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while not any(
            run["state_type"] == "COMPLETED" and datetime.fromisoformat(run["start_time"]) > self.at
            for run in self.api.runs(flow)
        ):
            assert time.monotonic() < deadline, f"{flow} does not run again"
            time.sleep(0.3)


def _processes_on(data_dir: Path) -> list[str]:
    """The processes that were started for a data directory, whoever their parents are now."""
    marks = [
        f"{name}={data_dir}".encode() for name in ("DATA_DIR", "REGISTRY_INTEGRATION_DATA_DIR")
    ]
    commands = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if set(marks) & set((folder / "environ").read_bytes().split(b"\0")):
                commands.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return [command for command in commands if command]


@contextmanager
def run_product(
    folder: Path, checkout: Path = PROJECT_DIR, **environment: str
) -> Iterator[ProductRun]:
    """Serve the product until the block ends, or somebody ends it before."""
    at = datetime.now(UTC)
    process, product = start_serving(folder, checkout, **_HANGING, **environment)
    try:
        wait_for_log(process, folder / "serve.log", "integration is ready")
        yield ProductRun(process, product, Api(f"{product.url}/api", product.password), at)
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        process.wait()


@contextmanager
def unguarded_server(folder: Path) -> Iterator[Api]:
    """A Prefect server as it was started before: no password, and its key in its database."""
    prepare_data_dir(folder / "data")
    port = free_port()
    process = start(
        folder / "unguarded.log",
        *("-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)),
        PREFECT_HOME=str(folder / "data" / "prefect"),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
    )
    try:
        wait_for_log(process, folder / "unguarded.log", "dashboard")
        url = f"http://{HOST}:{port}/api"
        with httpx.Client(base_url=url) as client:
            wait_for_answer(process, client)
        yield Api(url, "nobody:nothing")
    finally:
        stop(process)


def saved_data(api: Api) -> Any:
    """What saved blocks hold, by name."""
    blocks = api.request("POST", "/block_documents/filter", {"include_secrets": True})
    return {block["name"]: block["data"] for block in blocks}
