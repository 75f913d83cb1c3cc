"""HEALTHCHECK of the image: what it asks depends on the command of the container."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deployments.environment import PROJECT_DIR
from deployments.image.healthcheck import find_command, find_error, health_url

_TINI = ("/usr/bin/tini", "--", "python", "-m", "deployments.image")


@pytest.mark.parametrize(
    ("process", "command"),
    [
        ((*_TINI, "server", ""), "server"),
        ((*_TINI, "worker", "--name", "worker-1", ""), "worker"),
        (("/sbin/docker-init", "--", *_TINI, "console", ""), "console"),
        (("/sbin/init", ""), ""),
        (("python", "-m", "deployments.worker", ""), ""),
        (_TINI, ""),
    ],
)
def test_process_1_shows_the_command(process: tuple[str, ...], command: str) -> None:
    assert find_command(process) == command


_CONSOLE = "REGISTRY_INTEGRATION_CONSOLE"


@pytest.mark.parametrize(
    ("command", "environment", "url"),
    [
        ("server", {}, "http://127.0.0.1:4200/api/health"),
        ("server", {"PREFECT_SERVER_API_PORT": "80"}, "http://127.0.0.1:80/api/health"),
        ("server", {"PREFECT_SERVER_API_BASE_PATH": "/x/"}, "http://127.0.0.1:4200/x/health"),
        ("server", {"PREFECT_SERVER_API_HOST": "10.0.0.7"}, "http://10.0.0.7:4200/api/health"),
        ("console", {f"{_CONSOLE}_HOST": "0.0.0.0"}, "http://127.0.0.1:4201/healthz"),
        ("console", {f"{_CONSOLE}_HOST": "::"}, "http://[::1]:4201/healthz"),
        ("console", {f"{_CONSOLE}_PORT": "8080"}, "http://127.0.0.1:8080/healthz"),
        ("migrate", {}, ""),
        ("", {}, ""),
    ],
)
def test_what_serves_is_asked_where_it_listens(
    command: str, environment: dict[str, str], url: str
) -> None:
    assert health_url(command, environment) == url


class _Handler(BaseHTTPRequestHandler):
    """Answers the path of a healthy server, and nothing else."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/health" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def _server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield str(server.server_port)
        server.shutdown()


def test_a_server_that_answers_is_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with _server() as port:
        ports = {"PREFECT_SERVER_API_PORT": port, f"{_CONSOLE}_PORT": port}
        assert find_error((*_TINI, "server"), ports) == ""
        assert "503" in find_error((*_TINI, "console"), ports)
    assert "refused" in find_error((*_TINI, "server"), ports)
    assert "port" in find_error((*_TINI, "server"), {"PREFECT_SERVER_API_PORT": "http"})


def test_a_worker_is_healthy_while_its_process_runs() -> None:
    code = "import sys, time; print(flush=True); time.sleep(600)"
    name = "deployments.worker.process_worker.of-this-test"
    with pytest.MonkeyPatch.context() as context:
        context.setattr("deployments.image.healthcheck._WORKER", name)
        process = (*_TINI, "worker")
        assert "not running" in find_error(process, {})
        with subprocess.Popen([sys.executable, "-c", code, name], stdout=subprocess.PIPE) as worker:
            assert worker.stdout
            worker.stdout.readline()
            assert find_error(process, {}) == ""
            worker.kill()
            os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)  # a zombie
            assert "not running" in find_error(process, {})
    assert find_error((*_TINI, "backup"), {}) == ""


def test_it_is_cheap_and_needs_no_secret() -> None:
    code = "import sys, deployments.image.healthcheck; print('pydantic' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_DIR, capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"
