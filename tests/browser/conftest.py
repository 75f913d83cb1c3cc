"""The product, served as a person would serve it, and a real browser in front of it."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from deployments.environment import HOME
from tests.browser.product import Product
from tests.real.parts import program

START_SECONDS = 120.0
STOP_SECONDS = 60.0
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium; `playwright install` is not needed."""
    return program("chromium", "apt-get install chromium")


@pytest.fixture(scope="session")
def product(chromium: str) -> Iterator[Product]:
    """The whole product on a free port, with a data directory of its own."""
    del chromium  # no browser, no need to start anything
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as folder:
        home, port = Path(folder), _free_port()
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
            _wait_until_served(process, home / "serve.log")
            yield Product(f"http://127.0.0.1:{port}", home / "data")
        finally:
            _stop(process)


@pytest.fixture(scope="module")
def browser_page(chromium: str) -> Iterator[Page]:
    """A page that reaches the loopback only.

    For a module, not the session: while it lives no test of another module could run a loop.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(20_000)
        yield page
        browser.close()


def _environment(data_dir: Path, port: int) -> dict[str, str]:
    ours = ("PREFECT_", "REGISTRY_INTEGRATION_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "DATA_DIR": str(data_dir), "PORT": str(port)}


def _wait_until_served(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if "is served" in log.read_text():
            return
        time.sleep(0.2)
    raise RuntimeError(f"the product does not start: {log.read_text()[-3000:]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
