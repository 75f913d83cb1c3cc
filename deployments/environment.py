"""The environment that the product runs in on one machine. Imports nothing of Prefect, which reads
its settings once, when it is first imported.
"""

import os
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
"""Where the flows lie."""

HOST = "127.0.0.1"


def environment(data_dir: Path, port: int) -> dict[str, str]:
    """Return the variables that make Prefect and the flows use one data directory and one port.

    What the caller has set already is kept: an outside database or Prefect server goes on being
    used. Nothing is sent to anybody (telemetry is off).
    """
    wanted = {
        "REGISTRY_INTEGRATION_DATA_DIR": str(data_dir),
        "PREFECT_HOME": str(data_dir / "prefect"),
        "PREFECT_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PREFECT_RUNNER_PROCESS_LIMIT": "10",
        # Two scheduled runs a minute fill a database: runs and their artifacts are kept two weeks.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(14 * 24 * 3600),
    }
    fixed = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    return {**wanted, **{name: os.environ[name] for name in wanted if name in os.environ}, **fixed}


def prepare(data_dir: Path) -> None:
    """Create the data directory for its owner alone, also if it is there already."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    data_dir.chmod(0o700)


def enter_home() -> dict[str, str]:
    """Go where the flows lie on this machine: the pull step of `prefect.yaml`, done by workers."""
    os.chdir(HOME)
    return {"directory": str(HOME)}
