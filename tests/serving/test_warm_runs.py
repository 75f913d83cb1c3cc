"""Flow runs of the served product that are forked: they end, log and die as others do."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from deployments.definitions import load_definitions
from deployments.environment import PROJECT_DIR, WORK_POOL
from tests.deploying.prefect_api import FINAL_STATES, MAX_WAIT_SECONDS, Api
from tests.support.product_server import ProductServer, serve_product, temporary_folder

_FLOWS = ("describe-process", "raise-error", "time-out", "hang")


@dataclass(frozen=True)
class Product:
    """The served product, with the flows of `warm_flows.py`, and nothing scheduled."""

    server: ProductServer

    @cached_property
    def api(self) -> Api:
        """Its API."""
        return Api(f"{self.server.url}/api", self.server.password)

    def deploy(self, flow: str, name: str = "default", **environment: str) -> None:
        """Deploy a flow, with variables of its own, as `prefect.yaml` deploys others."""
        definition = load_definitions()[0]
        entrypoint = f"tests/serving/warm_flows.py:{flow.replace('-', '_')}"
        deployment = {
            "name": name,
            "flow_id": self.api.request("POST", "/flows/", {"name": flow})["id"],
            "entrypoint": entrypoint,
            "work_pool_name": WORK_POOL,
            "pull_steps": [{"deployments.environment.set_working_directory": {}}],
            "job_variables": {**definition["work_pool"]["job_variables"], "env": environment},
        }
        self.api.request("POST", "/deployments/", deployment)

    def state(self, run: str) -> dict[str, Any]:
        """The state of a run."""
        state: dict[str, Any] = self.api.request("GET", f"/flow_runs/{run}")["state"]
        return state

    def wait_for_end(self, run: str) -> dict[str, Any]:
        """Wait until a run has ended, and return its state."""
        _wait_until(lambda: self.state(run)["type"] in FINAL_STATES)
        return self.state(run)

    def start_hanging(self, count: int = 1) -> list[str]:
        """Start runs that hang, and wait until they do."""
        runs = [self.api.start("hang", {}) for _ in range(count)]
        _wait_until(lambda: all("pid" in self.logs(run) for run in runs))
        return runs

    def logs(self, run: str) -> str:
        """The logs of a run in the API."""
        query = {"logs": {"flow_run_id": {"any_": [run]}}}
        return "\n".join(log["message"] for log in self.api.request("POST", "/logs/filter", query))

    def pid(self, run: str) -> int:
        """The process of a run that hangs."""
        match = re.search(r"pid (\d+)", self.logs(run))
        assert match
        return int(match[1])

    def process(self, text: str) -> int:
        """The process of this product with a text in its command; 0 if there is none."""
        mark = f"REGISTRY_INTEGRATION_DATA_DIR={self.server.data_dir}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                is_fork = "worker.warm" in _command(_parent(int(folder.name)))
                variables = (folder / "environ").read_bytes().split(b"\0")
                if text in command and mark in variables and not is_fork:
                    return int(folder.name)
        return 0

    def fork_server(self) -> int:
        """The process of the fork server that listens."""
        _wait_until(lambda: "is_warm=True" in self.api.run("describe-process"))
        return self.process("deployments.worker.warm")


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def _wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _is_running(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    variables = {
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "tests.extra",
    }
    with temporary_folder() as folder, serve_product(Path(folder), **variables) as server:
        product = Product(server)
        for flow in _FLOWS:
            product.deploy(flow)
        assert product.fork_server()
        yield product


def test_a_forked_run_logs_and_completes(product: Product) -> None:
    run = product.api.start("describe-process", {})
    (message,) = product.api.wait_for_runs(run)
    assert message == "is_warm=True level='INFO' read_seconds=30.0"
    _wait_until(lambda: "Finished in state Completed" in product.logs(run))
    assert product.logs(run).count("logged by the run") == 1
    assert "printed by the run" in (product.server.data_dir.parent / "serve.log").read_text()


def test_variables_of_a_deployment_are_in_force(product: Product) -> None:
    variables = {"REGISTRY_INTEGRATION_READ_SECONDS": "7", "PREFECT_LOGGING_LEVEL": "DEBUG"}
    product.deploy("describe-process", "other", **variables)
    deployment = product.api.request("GET", "/deployments/name/describe-process/other")
    path = f"/deployments/{deployment['id']}/create_flow_run"
    run = product.api.request("POST", path, {})["id"]
    assert product.wait_for_end(run)["message"] == "is_warm=False level='DEBUG' read_seconds=7.0"
    assert "is_warm=True level='INFO'" in product.api.run("describe-process")


def test_errors_and_time_outs_are_failures(product: Product) -> None:
    failed, late = (product.api.start(flow, {}) for flow in ("raise-error", "time-out"))
    assert "ValueError: raised by the run" in product.wait_for_end(failed)["message"]
    _wait_until(lambda: "Traceback" in product.logs(failed))
    assert product.wait_for_end(late)["name"] == "TimedOut"


def test_a_run_can_be_cancelled(product: Product) -> None:
    (run,) = product.start_hanging()
    pid = product.pid(run)
    assert product.logs(run).count("logged by a library") == 1
    _cancel(product, run)
    assert product.wait_for_end(run)["type"] == "CANCELLED"
    _wait_until(lambda: not _is_running(pid))


def _cancel(product: Product, run: str) -> None:
    state = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    product.api.request("POST", f"/flow_runs/{run}/set_state", state)


def test_killed_runs_crash_and_leave_nothing(product: Product) -> None:
    killed, orphan = product.start_hanging(2)
    pids = [product.pid(killed), product.pid(orphan)]
    os.kill(pids[0], signal.SIGKILL)
    assert product.wait_for_end(killed)["type"] == "CRASHED"
    os.kill(product.process("deployments.worker.flow_run"), signal.SIGKILL)
    assert product.wait_for_end(orphan)["type"] == "CRASHED"
    assert not any(_is_running(pid) for pid in pids)


def test_a_killed_fork_server_is_replaced(product: Product) -> None:
    (run,) = product.start_hanging()
    server = product.fork_server()
    os.kill(server, signal.SIGKILL)
    product.api.run("describe-process")  # at once, without it or with the next one
    assert product.wait_for_end(run)["type"] == "CRASHED"
    assert product.fork_server() != server


def test_ends_of_runs_do_not_change_the_worker(product: Product) -> None:
    worker = product.process("process_worker")
    runs = product.start_hanging(6)
    for run in runs[:3]:
        _cancel(product, run)
    for run in runs[3:]:
        os.kill(product.pid(run), signal.SIGKILL)
    states = [product.wait_for_end(run)["type"] for run in runs]
    assert states == ["CANCELLED"] * 3 + ["CRASHED"] * 3
    assert Path(f"/proc/{worker}/cwd").readlink() == PROJECT_DIR
    # SQLAlchemy stands for all that flows import, also the flow of these runs.
    assert "sqlalchemy" in Path(f"/proc/{product.fork_server()}/maps").read_text()
    assert "sqlalchemy" not in Path(f"/proc/{worker}/maps").read_text()


def test_runs_end_with_a_killed_worker(product: Product) -> None:
    """The last one: the product ends with its worker."""
    (run,) = product.start_hanging()
    pid = product.pid(run)
    os.kill(product.process("process_worker"), signal.SIGKILL)
    _wait_until(lambda: not _is_running(pid))
    _wait_until(lambda: not product.process("deployments.worker"))
