"""Start the product on a temporary data directory, run the demo, and keep running until Ctrl-C.

With ONCE=1, exit after the demo: with status 0 if all checks passed, otherwise 1.
"""

import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.environment import HOST, build_environment, prepare_data_dir
from deployments.keys.api_password import load_api_password
from deployments.worker.processes import start_process, stop_process
from models.core.network import LOOPBACK_NETWORKS

_STOP_SECONDS = 20.0

_INSTALLATION_VARIABLES = (
    *("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"),
    *("PREFECT_HOME", "PREFECT_SERVER_DATABASE_CONNECTION_URL"),
    *("REGISTRY_INTEGRATION_DATABASE_URL", "REGISTRY_INTEGRATION_DATA_DIR"),
)
"""Variables that would connect the demo to an existing installation."""


def main() -> int:
    """Run the demo; return its exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    port, console_port = _choose_port("PORT", 4200), _choose_port("CONSOLE_PORT", 4201)
    with tempfile.TemporaryDirectory(prefix="registry-integration-demo-") as folder:
        data_dir = Path(folder)
        prepare_data_dir(data_dir)
        for name in _INSTALLATION_VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(build_environment(data_dir, port))
        os.environ["REGISTRY_INTEGRATION_ALLOWED_NETWORKS"] = (
            LOOPBACK_NETWORKS  # of the managed Harbors of the demo
        )
        os.environ["PREFECT_API_AUTH_STRING"], _ = load_api_password(data_dir)
        from deployments.demo.scenario import run_demo  # noqa: PLC0415 - reads the environment just set

        try:
            with _run_product(data_dir, port, console_port):
                addresses = {
                    "ui": f"http://{HOST}:{port}",
                    "console": f"http://{HOST}:{console_port}",
                }
                return run_demo(once=bool(os.environ.get("ONCE")), **addresses)
        except KeyboardInterrupt:
            print("\nStopped.")
            return 130


def _choose_port(variable: str, default: int) -> int:
    requested_port = os.environ.get(variable)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(requested_port or default)))
        except OSError:
            if requested_port:
                sys.exit(
                    f"Port {requested_port} is in use; choose another one: "
                    f"make demo {variable}={default + 100}"
                )
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def _run_product(data_dir: Path, port: int, console_port: int) -> Iterator[None]:
    """Run `make serve` until the block ends."""
    log_path = data_dir / "serve.log"
    started = time.monotonic()
    ports = {"PORT": str(port), "CONSOLE_PORT": str(console_port)}
    print(f"Starting the product on http://{HOST}:{port} …", flush=True)
    with log_path.open("wb") as log:
        environment = {"DATA_DIR": str(data_dir), **ports}
        process = start_process("-m", "deployments.serve", environment=environment, log=log)
    try:
        while b"integration is ready" not in log_path.read_bytes():
            if process.poll() is not None:
                sys.exit(f"The product did not start:\n{log_path.read_text()[-3000:]}")
            time.sleep(0.2)
        print(f"  ready after {time.monotonic() - started:.0f} s", flush=True)
        yield
    finally:
        stop_process(process, _STOP_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
