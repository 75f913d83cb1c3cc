"""`make serve`: run Prefect server, worker and console on one machine until stopped.

All data is in one directory. The parts are separate processes, as on several machines
(docs/workers.md), and end with this one.
"""

import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from deployments.data_dir import DataDirInUse, check_complete, lock_data_dir
from deployments.environment import (
    HOST,
    PROJECT_DIR,
    build_environment,
    configured_block_key,
    configured_password,
    no_proxy_environment,
    own_api_url,
    prepare_data_dir,
    server_environment,
)
from deployments.keys.api_password import PASSWORD_FILE_NAME, load_api_password
from deployments.keys.block_key import BlockKeyMissing, load_block_key
from deployments.logs.rotation import LogFiles
from deployments.prefect_api import api_url_error
from deployments.worker.processes import Process, start_process, stop_process, wait_for_any
from models.core.errors import InvalidRequest

_PORTS = (("PORT", 4200), ("CONSOLE_PORT", 4201))
_START_SECONDS = 120.0
_WORKER_STOP_SECONDS = 6.0
_CONSOLE_STOP_SECONDS = 1.5
_SERVER_STOP_SECONDS = 1.5
_SERVER_NAME = "Prefect server"


class StartupError(Exception):
    """Startup failed; the message contains the cause and how to fix it."""


def main() -> int:
    """Run until Ctrl-C or SIGTERM, or until one of the parts exits."""
    data_dir = Path(os.environ.get("DATA_DIR") or _default_data_dir()).expanduser().resolve()
    port, console_port = (int(os.environ.get(name) or default) for name, default in _PORTS)
    prepare_data_dir(data_dir)
    os.chdir(PROJECT_DIR)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        os.environ.update(build_environment(data_dir, port) | no_proxy_environment())
        check_complete(data_dir)
        if (url := os.environ["PREFECT_API_URL"]) != own_api_url(port):
            _require_api(url)
            return _run_worker(console_port, LogFiles())
        _require_free_port(console_port, "CONSOLE_PORT")
        logs = LogFiles()
        with lock_data_dir(data_dir), _run_prefect_server(port, data_dir, logs) as server:
            return _run_worker(console_port, logs, server)
    except (StartupError, InvalidRequest, BlockKeyMissing, DataDirInUse) as error:
        print(f"Startup failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _require_api(url: str) -> None:
    """Check that the Prefect server of the environment answers.

    Raises:
        StartupError: it does not.
    """
    if error := api_url_error(url, own_server="let `make serve` start a server of its own"):
        raise StartupError(error)


def _run_worker(console_port: int, logs: LogFiles, *servers: Process) -> NoReturn:
    """Deploy the flows, run a worker and the console until one of them or of `servers` exits."""
    _prepare_state()
    for server in servers:
        _wait_until_healthy(server, f"{os.environ['PREFECT_API_URL']}/health", _SERVER_NAME)
    _deploy(recovering=bool(servers))
    worker = start_process("-m", "deployments.worker")
    try:
        with _run_console(console_port, logs) as console:
            ui = os.environ["PREFECT_API_URL"].removesuffix("/api")
            print(f"Registry integration is ready. Prefect UI: {ui}   Press Ctrl-C to stop.")
            print(f"Console: http://{HOST}:{console_port}", flush=True)
            _wait_for_exit({"worker": worker, "console": console}, servers, logs)
    finally:
        stop_process(worker, _WORKER_STOP_SECONDS)


def _wait_for_exit(
    processes: Mapping[str, Process], servers: Sequence[Process], logs: LogFiles
) -> NoReturn:
    exited = wait_for_any(*processes.values(), *servers, meanwhile=logs.rotate)
    name = next((name for name, process in processes.items() if process is exited), _SERVER_NAME)
    raise StartupError(f"the {name} exited with status {exited.returncode}; run `make serve` again")


@contextmanager
def _run_console(port: int, logs: LogFiles) -> Iterator[Process]:
    """Run the console on the loopback interface; it logs to `console.log` in the data directory."""
    environment = {"REGISTRY_INTEGRATION_CONSOLE_PORT": str(port)}
    log_path = Path(os.environ["REGISTRY_INTEGRATION_DATA_DIR"]) / "console.log"
    _require_free_port(port, "CONSOLE_PORT")
    with logs.open(log_path) as log:
        process = start_process("-m", "deployments.console", environment=environment, log=log)
    try:
        _wait_until_healthy(process, f"http://{HOST}:{port}/healthz", "console")
        yield process
    finally:
        stop_process(process, _CONSOLE_STOP_SECONDS)


def _prepare_state() -> None:
    """Migrate the database and update the keys."""
    # Slow imports: the server starts in the meantime.
    from models.core.settings import get_settings  # noqa: PLC0415
    from tasks.secrets.robot_secrets import ensure_keys  # noqa: PLC0415
    from tasks.store.migrate import migrate  # noqa: PLC0415

    migrate(get_settings().database)
    summary = ensure_keys()
    if summary:
        print(summary, flush=True)


def _deploy(*, recovering: bool) -> None:
    log_path = Path(os.environ["REGISTRY_INTEGRATION_DATA_DIR"]) / "deploy.log"
    with log_path.open("wb") as log:
        process = start_process("-m", "deployments.deploy", *["--recover"] * recovering, log=log)
    try:
        if process.wait() != 0:
            raise StartupError(f"deploying the flows failed:\n{log_path.read_text()[-3000:]}")
    finally:
        stop_process(process, 0)


def _default_data_dir() -> Path:
    from models.core.settings import Settings  # noqa: PLC0415 - keeps this module free of imports

    return Settings().data_dir


@contextmanager
def _run_prefect_server(port: int, data_dir: Path, logs: LogFiles) -> Iterator[Process]:
    """Run a Prefect server on the loopback interface; it logs to `server.log`."""
    _require_free_port(port, "PORT")
    settings = _set_password(data_dir, port)
    command = ("-m", "prefect", "server", "start", "--host", HOST, "--port", str(port))
    with logs.open(data_dir / "server.log") as log:
        process = start_process(*command, environment=settings, log=log)
    try:
        yield process
    finally:
        stop_process(process, _SERVER_STOP_SECONDS)


def _require_free_port(port: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise StartupError(
                f"port {port} is in use; choose another one: make serve {variable}={port + 100}"
            ) from None


def _set_password(data_dir: Path, port: int) -> dict[str, str]:
    """Set the API password for all child processes; return the variables of the server."""
    password, is_new = configured_password(), False
    if not password:
        password, is_new = load_api_password(data_dir)
    os.environ["PREFECT_API_AUTH_STRING"] = password
    if is_new:
        print(
            f"Password of the console, the UI and the API: {password}\n"
            f"Saved in {data_dir / PASSWORD_FILE_NAME}. Enter the whole line in the UI, once.",
            flush=True,
        )
    return server_environment(port, password, configured_block_key() or load_block_key(data_dir))


def _wait_until_healthy(process: Process, url: str, name: str) -> None:
    """Wait until a process answers at `url`.

    Raises:
        StartupError: the process exited, or did not answer in time.
    """
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            log = f"{name.removeprefix('Prefect ')}.log"
            raise StartupError(f"the {name} did not start; see {log} in the data directory")
        try:
            with direct.open(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise StartupError(f"{url} did not answer within {_START_SECONDS:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
