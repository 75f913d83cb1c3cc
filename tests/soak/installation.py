"""The served product on one machine or two, whose processes are killed and started again."""

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deployments.environment import PROJECT_DIR
from tests.deploying.prefect_api import Api
from tests.support.product_server import (
    ProductServer,
    free_port,
    start,
    start_serving,
    wait_for_log,
)

_SECOND_MACHINE = {
    "second worker": (("-m", "deployments.worker", "--name", "second"), "'second' started"),
    "second console": (("-m", "deployments.console"), ""),
}
"""The commands of a second machine, and what they log when they are ready."""

_ROLES = {
    "deployments.worker.flow_run": "run",
    "deployments.worker.warm": "fork server",
    "deployments.worker --name": "second worker",
    "deployments.worker": "worker",
    "deployments.console": "console",
    "prefect server": "server",
    "deployments.serve": "machine",
}
"""Roles by a text in the command of a process; the first one that is in it."""

_SETTINGS = {
    "REGISTRY_INTEGRATION_LOOK_INTERVAL_SECONDS": "15",
    "REGISTRY_INTEGRATION_SUPERSEDED_MINUTES": "1",
}


def _free_ports() -> dict[str, str]:
    """Choose ports once, so that the second worker finds a server that was started again."""
    return {name: str(free_port()) for name in ("PORT", "CONSOLE_PORT")}


@dataclass
class Installation:
    """A machine with `make serve`, and one with a worker and a console if it has PostgreSQL.

    Attributes:
        variables: of both, e.g. the databases.
    """

    folder: Path
    variables: dict[str, str]
    has_second_machine: bool
    starts: int = 0
    _ports: dict[str, str] = field(default_factory=_free_ports)
    _machine: "subprocess.Popen[bytes] | None" = None
    _others: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _second_console_port: str = field(default_factory=lambda: str(free_port()))
    _product: ProductServer | None = None

    @property
    def api(self) -> Api:
        """The API of its Prefect server."""
        assert self._product
        return Api(f"{self._product.url}/api", self._product.password)

    @property
    def database(self) -> str:
        """The URL of the service's own database."""
        assert self._product
        default = f"sqlite:///{self._product.data_dir / 'state.db'}"
        return self.variables.get("REGISTRY_INTEGRATION_DATABASE_URL", default)

    def keep_running(self) -> None:
        """Start what does not run, as systemd or Kubernetes does."""
        if self._machine is None or self._machine.poll() is not None:
            self.starts += 1
            self._machine, self._product = start_serving(
                self.folder, PROJECT_DIR, **self._ports, **_SETTINGS, **self.variables
            )
            wait_for_log(self._machine, self.folder / "serve.log", "integration is ready")
        for name, (arguments, ready) in _SECOND_MACHINE.items() if self.has_second_machine else ():
            process = self._others.get(name)
            if process is None or process.poll() is not None:
                self._others[name] = self._start_other(name, arguments, ready)

    def _start_other(
        self, name: str, arguments: tuple[str, ...], ready: str
    ) -> "subprocess.Popen[bytes]":
        """Start a part of the second machine, which has the keys of the first one."""
        assert self._product
        log = self.folder / f"{name}.log"
        process = start(
            log,
            *arguments,
            checkout=PROJECT_DIR,
            PREFECT_API_URL=f"{self._product.url}/api",
            PREFECT_API_AUTH_STRING=self._product.password,
            PREFECT_HOME=str(self.folder / "second-prefect"),
            DO_NOT_TRACK="1",
            REGISTRY_INTEGRATION_DATA_DIR=str(self._product.data_dir),
            REGISTRY_INTEGRATION_CONSOLE_PORT=self._second_console_port,
            **_SETTINGS,
            **self.variables,
        )
        wait_for_log(process, log, ready)
        return process

    @property
    def consoles(self) -> tuple[str, ...]:
        """The URLs of the consoles."""
        ports = [self._ports["CONSOLE_PORT"]]
        ports += [self._second_console_port] * self.has_second_machine
        return tuple(f"http://127.0.0.1:{port}" for port in ports)

    def processes(self) -> dict[int, str]:
        """The roles of all processes, by process id."""
        assert self._product
        mark = f"REGISTRY_INTEGRATION_DATA_DIR={self._product.data_dir}".encode()
        roles = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                is_ours = mark in (folder / "environ").read_bytes().split(b"\0")
                role = next((role for text, role in _ROLES.items() if text in command), "")
                if is_ours and role:
                    roles[int(folder.name)] = role
        for pid, role in roles.items():  # a fork keeps the command line
            if role == "fork server" and roles.get(_parent(pid)) in ("fork server", "run"):
                roles[pid] = "run"
        return roles

    def kill(self, role: str, number: int) -> bool:
        """Kill one of the processes of a role; return whether there is one."""
        if role == "machine":
            assert self._machine
            self._machine.kill()
            self._machine.wait()
            return True
        pids = sorted(pid for pid, its_role in self.processes().items() if its_role == role)
        if pids:
            with suppress(ProcessLookupError):
                os.kill(pids[number % len(pids)], signal.SIGKILL)
        return bool(pids)

    def stop(self) -> None:
        """Stop all processes."""
        for process in (*self._others.values(), self._machine):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _parent(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return 0
