"""The whole product, in a process of its own, as `make serve` runs it."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from deployments.environment import PROJECT_DIR
from models.core.network import LOOPBACK_NETWORKS

START_SECONDS = 240.0
_PORTS = ("PORT", "CONSOLE_PORT")
STOP_SECONDS = 15.0  # ten, and what a busy machine needs to notice


@dataclass(frozen=True)
class ProductServer:
    """A product that is being served.

    Attributes:
        url: of its UI; the API is below it.
        data_dir: its own data directory.
        console_url: of its console.
    """

    url: str
    data_dir: Path
    console_url: str = ""

    @property
    def password(self) -> str:
        """The password of the UI and the API, with the user's name before a colon."""
        return (self.data_dir / "api.password").read_text().strip()

    @property
    def auth(self) -> tuple[str, str]:
        """User name and password."""
        user, _, password = self.password.partition(":")
        return user, password


@contextmanager
def serve_product(folder: Path | None = None, **environment: str) -> Iterator[ProductServer]:
    """Serve the product on a free port.

    Args:
        folder: where its data directory `data` and its log are; a fresh one if none is given.
        environment: what is set besides.
    """
    if folder is None:
        with (
            temporary_folder() as temporary,
            serve_product(Path(temporary), **environment) as product,
        ):
            yield product
        return
    process, product = start_serving(folder, PROJECT_DIR, **environment)
    try:
        wait_for_log(process, folder / "serve.log", "integration is ready")
        yield product
    finally:
        stop(process)


def start_serving(
    folder: Path, checkout: Path = PROJECT_DIR, **environment: str
) -> tuple["subprocess.Popen[bytes]", ProductServer]:
    """Start `make serve`'s process in a checkout; it is ready once its log says so.

    It uses the ports of `environment` (`PORT`, `CONSOLE_PORT`), or free ones.
    """
    port, console_port = (environment.pop(name, free_port()) for name in _PORTS)
    product = ProductServer(
        f"http://127.0.0.1:{port}", folder / "data", f"http://127.0.0.1:{console_port}"
    )
    product_environment = {
        "DATA_DIR": str(product.data_dir),
        "PORT": str(port),
        "CONSOLE_PORT": str(console_port),
        **_PROXIES,
    }
    arguments = ("-m", "deployments.serve")
    return start(
        folder / "serve.log", *arguments, checkout=checkout, **environment, **product_environment
    ), product


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of its own, which goes away."""
    return tempfile.TemporaryDirectory(prefix="served-", ignore_cleanup_errors=True)


_PROXIES = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
"""Nothing listens there: the product uses no proxy for this machine, and none of its own accord."""

_ALLOWED = {"REGISTRY_INTEGRATION_ALLOWED_NETWORKS": LOOPBACK_NETWORKS}
"""Simulated Harbors are on the loopback, managed ones too."""


def start(
    log: Path, *arguments: str, checkout: Path = PROJECT_DIR, **environment: str
) -> "subprocess.Popen[bytes]":
    """Start a Python program with nothing of Prefect's or ours in its environment but this."""
    with log.open("wb") as file:
        return subprocess.Popen(
            [
                sys.executable if checkout == PROJECT_DIR else checkout / ".venv/bin/python",
                *arguments,
            ],
            cwd=checkout,
            env={**foreign_environment(), **_ALLOWED, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def foreign_environment() -> dict[str, str]:
    """The environment without what is Prefect's or ours."""
    own_prefixes = ("PREFECT_", "REGISTRY_INTEGRATION_")
    return {name: value for name, value in os.environ.items() if not name.startswith(own_prefixes)}


def wait_for_log(process: "subprocess.Popen[bytes]", log: Path, text: str) -> None:
    """Wait until a process says in its log that it is ready."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if text in log.read_text():
            return
        time.sleep(0.2)
    raise RuntimeError(f"{log.stem} does not start: {log.read_text()[-3000:]}")


def wait_for_answer(process: "subprocess.Popen[bytes]", client: httpx.Client) -> None:
    """Wait until a Prefect server answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if client.get("/health").is_success:
                return
        time.sleep(0.2)
    raise RuntimeError(f"{client.base_url} does not answer")


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
