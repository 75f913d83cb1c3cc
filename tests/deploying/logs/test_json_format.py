"""Logs as JSON: what a collector reads of a process that Prefect configured."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.environment import PROJECT_DIR, log_environment
from models.core.errors import InvalidRequest

_PROGRAM = """
import logging
from prefect.logging.configuration import setup_logging
from tasks.lease_key import current_lease_key
setup_logging()
current_lease_key.set("prod")
logging.getLogger("prefect.flow_runs.x").info(
    "two\\nlines of %s", "text", extra={"flow_run_id": "run-1", "send_to_api": False}
)
current_lease_key.set("cluster/eu")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("tasks.store").exception("failed")
logging.getLogger("uvicorn.error").info("started")
"""


def test_each_record_is_one_object(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PREFECT_LOGGING_SETTINGS_PATH", raising=False)
    monkeypatch.setenv("REGISTRY_INTEGRATION_LOG_FORMAT", "json")
    environment = {
        **os.environ,
        **log_environment(),
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "INFO",
    }
    result = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    run, error, server = (json.loads(line) for line in result.stderr.splitlines())
    assert run.pop("time").endswith("+00:00")
    assert run == {
        "level": "INFO",
        "logger": "prefect.flow_runs.x",
        "message": "two\nlines of text",
        "registry": "prod",
        "flow_run_id": "run-1",
    }
    assert (error["cluster"], error["logger"]) == ("eu", "tasks.store")
    assert "ZeroDivisionError" in error["error"]
    assert server["logger"] == "uvicorn.error"


def test_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGISTRY_INTEGRATION_LOG_FORMAT", raising=False)
    assert log_environment() == {}
    monkeypatch.setenv("REGISTRY_INTEGRATION_LOG_FORMAT", "yaml")
    with pytest.raises(InvalidRequest, match="'yaml': expected text or json"):
        log_environment()
