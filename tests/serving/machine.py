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

from deployments.environment import HOME, HOST, prepare
from tests.deploying.prefect_api import ENDED, PATIENCE, Api
from tests.support.product_server import (
    Served,
    free_port,
    start,
    start_serving,
    stop,
    wait_until_answered,
    wait_until_told,
)

_HANGING = {
    "REGISTRY_INTEGRATION_READ_SECONDS": "600",
    "REGISTRY_INTEGRATION_OPERATION_SECONDS": "600",
    "REGISTRY_INTEGRATION_LOOK_INTERVAL_SECONDS": "5",
    "REGISTRY_INTEGRATION_STORAGE_INTERVAL_SECONDS": "10",
}
"""What hangs does so until the end; and there is always something to do."""


@dataclass(frozen=True)
class Start:
    """The product, from one start to its end."""

    process: "subprocess.Popen[bytes]"
    product: Served
    api: Api
    at: datetime

    def kill(self) -> None:
        """Kill the process that was started, as the power does, and wait for the others' end."""
        self.process.kill()
        self.process.wait()
        deadline = time.monotonic() + PATIENCE
        while left := _processes_on(self.product.data_dir):
            assert time.monotonic() < deadline, left
            time.sleep(0.1)

    def stop(self) -> list[str]:
        """Ask it to end, and return what it left behind."""
        stop(self.process)
        return _processes_on(self.product.data_dir)

    def hang(self, *flows: str) -> list[str]:
        """Start a run of each flow, and return them once all of them hang."""
        deadline = time.monotonic() + PATIENCE
        while True:
            runs = [self._running(flow) for flow in flows]
            # A run that does not hang ends before another one has started and ended.
            self.api.done("rotate-credentials", overdue_only=True)
            if self.states(*runs) == {"RUNNING"}:
                return runs
            assert time.monotonic() < deadline, f"{flows} do not hang"

    def _running(self, flow: str) -> str:
        """Return a run of a flow that is running: the schedule's, if that has its only slot."""
        deadline = time.monotonic() + PATIENCE
        started = ""
        while True:
            running = [run for run in self.api.runs(flow) if run["state_type"] == "RUNNING"]
            if running:
                return str(running[-1]["id"])
            assert time.monotonic() < deadline, f"{flow} does not run"
            if not started or self.states(started) <= ENDED:  # too early, or the slot was taken
                started = self.api.start(flow, {})
            time.sleep(0.3)

    def states(self, *runs: str) -> set[str]:
        """What has become of runs."""
        return {self.api.ask("GET", f"/flow_runs/{run}")["state_type"] for run in runs}

    def wait_until_completed(self, flow: str) -> None:
        """Wait until a run of a flow that began after this start has completed."""
        deadline = time.monotonic() + PATIENCE
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
    living = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if set(marks) & set((folder / "environ").read_bytes().split(b"\0")):
                living.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return [command for command in living if command]


@contextmanager
def started(folder: Path, checkout: Path = HOME, **environment: str) -> Iterator[Start]:
    """Serve the product until the block ends, or somebody ends it before."""
    at = datetime.now(UTC)
    process, product = start_serving(folder, checkout, **_HANGING, **environment)
    try:
        wait_until_told(process, folder / "serve.log", "is served")
        yield Start(process, product, Api(f"{product.url}/api", product.password), at)
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        process.wait()


@contextmanager
def unguarded_server(folder: Path) -> Iterator[Api]:
    """A Prefect server as it was started before: no password, and its key in its database."""
    prepare(folder / "data")
    port = free_port()
    process = start(
        folder / "unguarded.log",
        *("-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)),
        PREFECT_HOME=str(folder / "data" / "prefect"),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
    )
    try:
        wait_until_told(process, folder / "unguarded.log", "dashboard")
        url = f"http://{HOST}:{port}/api"
        with httpx.Client(base_url=url) as client:
            wait_until_answered(process, client)
        yield Api(url, "nobody:nothing")
    finally:
        stop(process)


def saved_data(api: Api) -> Any:
    """What saved blocks hold, by name."""
    blocks = api.ask("POST", "/block_documents/filter", {"include_secrets": True})
    return {block["name"]: block["data"] for block in blocks}
