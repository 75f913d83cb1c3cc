"""The environment that the product runs in on one machine. Imports nothing of Prefect, which reads
its settings once, when it is first imported.
"""

import os
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent
"""Where the flows lie."""

HOST = "127.0.0.1"

WORKER_NAME = "registry-integration"
"""Of the worker of `make serve`."""

WORK_POOL = "registries"
"""The process work pool that `prefect.yaml` deploys to."""


def build_environment(data_dir: Path, port: int) -> dict[str, str]:
    """Return the variables that make Prefect and the flows use one data directory and one port.

    What the caller has set already is kept: an outside database or Prefect server goes on being
    used. Nothing is sent to anybody (telemetry is off).
    """
    defaults = {
        "REGISTRY_INTEGRATION_DATA_DIR": str(data_dir),
        "PREFECT_HOME": str(data_dir / "prefect"),
        "PREFECT_API_URL": own_api_url(port),
    }
    return {**_with_caller_values(defaults), "DO_NOT_TRACK": "1"}


def own_api_url(port: int) -> str:
    """Return the address of the API of the server that `make serve` starts."""
    return f"http://{HOST}:{port}/api"


def configured_password() -> str:
    """Return the API password that the caller has set; empty if there is none."""
    names = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING")
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def configured_block_key() -> str:
    """Return the key of saved blocks that the caller has set; empty if there is none."""
    names = ("PREFECT_SERVER_ENCRYPTION_KEY", "ORION_ENCRYPTION_KEY")  # as Prefect reads them
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def server_environment(port: int, password: str, block_key: str) -> dict[str, str]:
    """Return what the Prefect server needs besides; no other process is told the key of blocks."""
    defaults = {
        # Its UI asks for `/api` at the address in the browser's own address bar.
        "PREFECT_UI_API_URL": "/api",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{HOST}:{port},http://localhost:{port}",
        # Two scheduled runs a minute fill a database: runs and their artifacts are kept two weeks.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(14 * 24 * 3600),
    }
    return {
        **_with_caller_values(defaults),
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_SERVER_ENCRYPTION_KEY": block_key,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def no_proxy_environment() -> dict[str, str]:
    """Return what keeps requests to our own server from the proxy that is set, if one is."""
    no_proxy = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = ",".join(filter(None, [no_proxy, HOST, "localhost"]))
    return {"no_proxy": hosts, "NO_PROXY": hosts}


def _with_caller_values(defaults: dict[str, str]) -> dict[str, str]:
    return {name: os.environ.get(name, value) for name, value in defaults.items()}


def prepare_data_dir(data_dir: Path) -> None:
    """Create the data directory for its owner alone, also if it is there already."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    data_dir.chmod(0o700)


def set_working_directory() -> dict[str, str]:
    """Go where the flows lie on this machine: the pull step of `prefect.yaml`, done by workers."""
    os.chdir(PROJECT_DIR)
    return {"directory": str(PROJECT_DIR)}
