"""All processes of the served product log JSON, with the setting."""

import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.serving.quiet_product import Product, wait_until
from tests.support.helpers import PASSWORD, harbor_with

_INVALID = "Invalid HTTP request received."


def _send_invalid_request(url: str) -> None:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port or 80)) as connection:
        connection.sendall(b"no HTTP\r\n\r\n")
        connection.recv(1000)


def _read(path: Path, offset: int = 0) -> list[dict[str, Any]]:
    """Read the records of a log file; only what Prefect prints at its start is none."""
    lines = path.read_bytes()[offset:].decode().splitlines()
    first = next((number for number, line in enumerate(lines) if line.startswith("{")), 0)
    return [json.loads(line) for line in lines[first:] if line]


def test_server_and_console(product: Product) -> None:
    _send_invalid_request(product.server.url)
    _send_invalid_request(product.server.console_url)
    server, console = (product.server.data_dir / f"{name}.log" for name in ("server", "console"))
    wait_until(lambda: all(_INVALID in path.read_text() for path in (server, console)))
    loggers = {record["logger"] for record in _read(server)}
    assert {"uvicorn.error", "uvicorn.access"} <= loggers
    assert any(name.startswith("prefect.server.") for name in loggers)
    assert console.read_text().startswith("{")
    assert {record["logger"] for record in _read(console)} == {"uvicorn.error"}


def test_a_run_names_its_registry_and_the_request_of_harbor(product: Product) -> None:
    log = product.server.data_dir.parent / "serve.log"
    offset = log.stat().st_size
    with harbor_with("web") as harbor:
        registry = {"type": "harbor", "address": harbor.url}
        login = {"username": "admin", "password": "not-the-password"}
        block = product.api.save_block("registry-credentials", "json-logs", **login)
        form = {"name": "json-logs", "registry": registry, "credentials": block}
        run = product.api.start("integrate-registry", form)
        assert "not saved" in product.wait_for_end(run)["message"]
    records = _read(log, offset)
    ours = [record for record in records if record.get("flow_run_id") == run]
    assert {"prefect.flow_runs", "prefect.flow_runs.worker"} <= {item["logger"] for item in ours}
    requests = [record for record in ours if "request_id" in record]
    assert requests and all(record["registry"] == "json-logs" for record in requests)
    assert any("HTTP status 401" in record["message"] for record in requests)
    assert not any(secret in log.read_text() for secret in ("not-the-password", PASSWORD))
