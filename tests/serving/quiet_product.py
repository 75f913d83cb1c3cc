"""The served product without schedules, and with flows that tests deploy to it."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from deployments.definitions import load_definitions
from deployments.environment import WORK_POOL
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
        wait_until(lambda: self.state(run)["type"] in FINAL_STATES)
        return self.state(run)

    def start_hanging(self, count: int = 1) -> list[str]:
        """Start runs that hang, and wait until they do."""
        runs = [self.api.start("hang", {}) for _ in range(count)]
        wait_until(lambda: all("pid" in self.logs(run) for run in runs))
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
        wait_until(lambda: "is_warm=True" in self.api.run("describe-process"))
        return self.process("deployments.worker.warm")


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def is_running(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@contextmanager
def serve_quiet_product() -> Iterator[Product]:
    """Serve the product, wait until its fork server is ready, and deploy the flows."""
    variables = {
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "3",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "tests.extra",
        "PREFECT_SERVER_LOGGING_LEVEL": "INFO",
        "REGISTRY_INTEGRATION_LOG_FORMAT": "json",
    }
    with temporary_folder() as folder, serve_product(Path(folder), **variables) as server:
        product = Product(server)
        for flow in _FLOWS:
            product.deploy(flow)
        assert product.fork_server()
        yield product
