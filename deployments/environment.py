"""Environment variables for running everything on one machine.

Do not import Prefect here: it reads its settings once, at its first import.
"""

import os
from pathlib import Path

from models.core.errors import InvalidRequest

PROJECT_DIR = Path(__file__).resolve().parent.parent
"""Root of the checkout, which contains the flows."""

HOST = "127.0.0.1"

WORKER_NAME = "registry-integration"
"""Name of the worker of `make serve`."""

WORK_POOL = "registries"
"""The process work pool that `prefect.yaml` deploys to."""


def build_environment(data_dir: Path, port: int) -> dict[str, str]:
    """Return the variables that make Prefect and the flows use one data directory and one port.

    Variables that are already set keep their values, e.g. of an external database or Prefect
    server. Telemetry is always off.
    """
    defaults = {
        "REGISTRY_INTEGRATION_DATA_DIR": str(data_dir),
        "PREFECT_HOME": str(data_dir / "prefect"),
        "PREFECT_API_URL": own_api_url(port),
    }
    return {**_with_caller_values(defaults), "DO_NOT_TRACK": "1", **log_environment()}


def log_environment() -> dict[str, str]:
    """Return the variable that makes Prefect log as `LOG_FORMAT` says; a path that is set stays.

    Raises:
        InvalidRequest: the format is not known.
    """
    name, variable = "REGISTRY_INTEGRATION_LOG_FORMAT", "PREFECT_LOGGING_SETTINGS_PATH"
    log_format = os.environ.get(name) or "text"
    if log_format not in ("text", "json"):
        raise InvalidRequest(f"{name}: invalid format {log_format!r}: expected text or json")
    if log_format == "text" or os.environ.get(variable):
        return {}
    return {variable: str(PROJECT_DIR / "deployments" / "logs" / "logging.yml")}


def own_api_url(port: int) -> str:
    """Return the API URL of the Prefect server that `make serve` starts."""
    return f"http://{HOST}:{port}/api"


def configured_password() -> str:
    """Return the API password from the environment; empty if not set."""
    names = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING")
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def configured_block_key() -> str:
    """Return the encryption key of saved blocks from the environment; empty if not set."""
    names = ("PREFECT_SERVER_ENCRYPTION_KEY", "ORION_ENCRYPTION_KEY")  # as Prefect reads them
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def server_environment(port: int, password: str, block_key: str) -> dict[str, str]:
    """Return the variables of the Prefect server; no other process gets the block key."""
    return {
        **_with_caller_values(server_defaults(port)),
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_SERVER_ENCRYPTION_KEY": block_key,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def server_defaults(port: int) -> dict[str, str]:
    """Return the settings of a Prefect server that runs these flows, without its secrets."""
    return {
        # The UI calls `/api` on the host in the browser's address bar.
        "PREFECT_UI_API_URL": "/api",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{HOST}:{port},http://localhost:{port}",
        # Four scheduled runs per minute fill a database, three quarters of it with events.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(14 * 24 * 3600),
        # Its other name, PREFECT_SERVER_EVENTS_RETENTION_PERIOD, overrides this one.
        "PREFECT_EVENTS_RETENTION_PERIOD": "P1D",
    }


def no_proxy_environment() -> dict[str, str]:
    """Return the variables that exclude this machine from a configured proxy."""
    no_proxy = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = ",".join(filter(None, [no_proxy, HOST, "localhost", "::1"]))
    return {"no_proxy": hosts, "NO_PROXY": hosts}


def _with_caller_values(defaults: dict[str, str]) -> dict[str, str]:
    return {name: os.environ.get(name, value) for name, value in defaults.items()}


def prepare_data_dir(data_dir: Path) -> None:
    """Create the data directory, or restrict an existing one to its owner."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    data_dir.chmod(0o700)


def set_working_directory() -> dict[str, str]:
    """Change to the checkout on this machine: the pull step of `prefect.yaml`, run by workers."""
    os.chdir(PROJECT_DIR)
    return {"directory": str(PROJECT_DIR)}
