"""The image does what the checkout does: without root, on a read-only file system."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from tests.image.container import Image
from tests.real.docker_registry import push, running_docker_registry
from tests.support.product_server import free_port

_PASSWORD = "operator:of-the-image"
_SECONDS = 180


@dataclass(frozen=True)
class Installation:
    """What runs from the image."""

    api: httpx.Client
    console: httpx.Client
    data: Path


def _wait(what: str, check: Any) -> Any:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        try:
            if result := check():
                return result
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise TimeoutError(f"{what}: not within {_SECONDS} s")


@pytest.fixture
def installation(image: Image, data: Path, tmp_path: Path) -> Iterator[Installation]:
    with _run_installation(image, data, tmp_path) as running:
        yield running


@contextmanager
def _run_installation(image: Image, data: Path, logs: Path) -> Iterator[Installation]:
    port, console_port = str(free_port()), str(free_port())
    api_url = f"http://127.0.0.1:{port}/api"
    clients = {
        "PREFECT_API_URL": api_url,
        "PREFECT_API_AUTH_STRING": _PASSWORD,
        "REGISTRY_INTEGRATION_SECRET_KEYS": Fernet.generate_key().decode(),
        "REGISTRY_INTEGRATION_CONSOLE_SECRET_KEY": "k" * 40,
    }
    server = {
        "PREFECT_API_AUTH_STRING": _PASSWORD,
        "PREFECT_SERVER_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }
    auth = (_PASSWORD.partition(":")[0], _PASSWORD.partition(":")[2])
    with ExitStack() as stack:
        server["PREFECT_SERVER_API_PORT"] = port
        log = logs / "server.log"
        server_process = stack.enter_context(image.start(["server"], data, log, **server))
        api = stack.enter_context(httpx.Client(base_url=f"{api_url}/", auth=auth, timeout=30))
        _wait("the Prefect server", lambda: api.get("health").is_success)
        assert "up to date" in image.run(["migrate"], data, **clients)
        page = httpx.get(f"http://127.0.0.1:{port}/", timeout=30)
        assert page.status_code == 200 and "<html" in page.text
        image.run(["deploy"], data, **clients)
        image.run(["wait"], data, **clients)
        worker = stack.enter_context(image.start(["worker"], data, logs / "worker.log", **clients))
        own = {"REGISTRY_INTEGRATION_CONSOLE_PORT": console_port}
        log = logs / "console.log"
        console_process = stack.enter_context(image.start(["console"], data, log, **clients, **own))
        url = f"http://127.0.0.1:{console_port}"
        console = stack.enter_context(httpx.Client(base_url=url, timeout=30))
        _wait("the console", lambda: console.get("/readyz").is_success)
        _check_health(image, server_process, PREFECT_SERVER_API_PORT=port)
        _check_health(image, console_process, **own)
        _wait("the worker", lambda: image.check_health(worker) == (0, ""))
        yield Installation(api, console, data)


def _check_health(image: Image, process: subprocess.Popen[bytes], **variables: str) -> None:
    """Check a container that works, and whether its health check could fail."""
    assert image.check_health(process, **variables) == (0, "")
    if variables:
        other = dict.fromkeys(variables, str(free_port()))
        status, message = image.check_health(process, **other)
        assert status == 1 and "refused" in message


def _run_flow(api: httpx.Client, flow: str, **parameters: Any) -> dict[str, Any]:
    deployment = api.get(f"deployments/name/{flow}/default").json()["id"]
    path = f"deployments/{deployment}/create_flow_run"
    run = api.post(path, json={"parameters": parameters}).raise_for_status().json()
    final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

    def ended() -> Any:
        state = api.get(f"flow_runs/{run['id']}").json()["state"]
        return state if state["type"] in final else None

    result: dict[str, Any] = _wait(flow, ended)
    return result


def test_a_registry_is_integrated_and_shown(installation: Installation) -> None:
    with running_docker_registry() as url:
        push(url, "team/app", "v1")
        registry = {"type": "docker", "address": url}
        state = _run_flow(installation.api, "integrate-registry", name="hub", registry=registry)
        assert state["type"] == "COMPLETED", state
    user, _, password = _PASSWORD.partition(":")
    form = {"user": user, "password": password, "back": "/"}
    origin = {"Origin": str(installation.console.base_url)}
    assert installation.console.post("/login", data=form, headers=origin).status_code == 303
    page = installation.console.get("/").text
    assert "hub" in page and url.removeprefix("http://") in page


def test_a_worker_shows_the_reason_if_its_schema_is_missing(image: Image, data: Path) -> None:
    environment = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    with pytest.raises(AssertionError, match="migrate"):
        image.run(["wait"], data, **environment, WAIT_SECONDS="1")


def test_it_runs_without_root_and_cannot_change_itself(image: Image, data: Path) -> None:
    assert image.user == "10001:0"
    for command in ("apply", "plan"):
        with pytest.raises(AssertionError, match=r"usage|arguments|required"):
            image.run([command], data)
    with pytest.raises(AssertionError, match="Commands: server, worker"):
        image.run(["help"], data)
    script = "import os; print(os.getuid()); open('/app/x', 'w')"
    raw = replace(image, entrypoint=["python", "-c"])
    with pytest.raises(AssertionError, match=r"10001\n[\s\S]*Read-only file system"):
        raw.run([script], data)


def test_it_has_no_tests_no_simulators_and_no_tools(image: Image) -> None:
    app = image.root / "app"
    assert {path.name for path in app.iterdir()} <= {
        *(".venv", "models", "tasks", "flows", "deployments", "prefect.yaml"),
        *("pyproject.toml", "uv.lock", "LICENSE", "README.md"),
    }
    folders = {path.name for path in (app / "deployments").iterdir()}
    assert folders.isdisjoint({"demo", "simulators", "kubernetes"})
    packages = {path.name for path in next(app.glob(".venv/lib/*/site-packages")).iterdir()}
    assert packages.isdisjoint({"pytest", "mypy", "ruff", "hypothesis", "playwright", "uv", "pip"})


def test_its_size_is_shown(image: Image) -> None:
    size = sum(
        file.lstat().st_size
        for file in (image.root / "app").rglob("*")
        if file.is_file() and not file.is_symlink()
    )
    print(f"\nThe product and its packages: {size / 1e6:.0f} MB")
    assert size < 400e6
