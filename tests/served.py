"""The whole product, in a process of its own, as `make serve` runs it."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.environment import HOME

START_SECONDS = 240.0
STOP_SECONDS = 60.0


@contextmanager
def served() -> Iterator[tuple[str, Path]]:
    """Serve the product on a free port; yields its address and its own data directory."""
    with tempfile.TemporaryDirectory(prefix="served-", ignore_cleanup_errors=True) as folder:
        home, port = Path(folder), free_port()
        with (home / "serve.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "deployments.serve"],
                cwd=HOME,
                env=_environment(home / "data", port),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until_told(process, home / "serve.log", "is served")
            yield f"http://127.0.0.1:{port}", home / "data"
        finally:
            stop(process)


def _environment(data_dir: Path, port: int) -> dict[str, str]:
    return {**strangers(), "DATA_DIR": str(data_dir), "PORT": str(port)}


def strangers() -> dict[str, str]:
    """The environment without what is Prefect's or ours."""
    ours = ("PREFECT_", "REGISTRY_INTEGRATION_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def wait_until_told(process: "subprocess.Popen[bytes]", log: Path, text: str) -> None:
    """Wait until a process says in its log that it is ready."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if text in log.read_text():
            return
        time.sleep(0.2)
    raise RuntimeError(f"{log.stem} does not start: {log.read_text()[-3000:]}")


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process to end, and see to it."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def free_port() -> int:
    """A port of the loopback that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
