"""A Prefect server behind basic auth, and the machines of docs/workers.md that work for it."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from deployments.environment import HOST
from models.core.network import LOOPBACK_NETWORKS
from tests.deploying.prefect_api import Api
from tests.support.product_server import foreign_environment, free_port, stop, wait_for_log

AUTH = "platform:correct horse"


@dataclass(frozen=True)
class Fleet:
    """The server, and what each machine is told of it in its environment.

    Attributes:
    """

    api: Api
    database: str
    folder: Path
    environment: Mapping[str, str]

    @property
    def working_directory(self) -> Path:
        """A folder without the flows in it, where all that runs for long is started."""
        return self.folder / "elsewhere"

    def log(self, name: str) -> str:
        """What a program said so far."""
        return (self.folder / f"{name}.log").read_text()

    @contextmanager
    def run_program(self, name: str, *command: str, ready: str, **variables: str) -> Iterator[None]:
        """Run a program until the block ends."""
        path = self.folder / f"{name}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.working_directory,
                env={**self.environment, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_for_log(process, path, ready)
            yield
        finally:
            stop(process)

    @contextmanager
    def workers(self, *names: str, limit: int = 4) -> Iterator[None]:
        """Run workers, as on several machines."""
        with ExitStack() as stack:
            for name in names:
                command = [sys.executable, "-m", "deployments.worker"]
                command += ["--name", name, "--limit", str(limit)]
                stack.enter_context(self.run_program(name, *command, ready=f"'{name}' started"))
            yield

    def deploy(self) -> None:
        """Deploy all flows, as docs/workers.md says."""
        result = subprocess.run(
            (sys.executable, "-m", "deployments.deploy"),
            cwd=self.working_directory,
            env={**self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr


@contextmanager
def running_fleet(folder: Path, database: str) -> Iterator[Fleet]:
    """Run a Prefect server; the machines are the caller's."""
    url = f"http://{HOST}:{(port := free_port())}/api"
    fleet = Fleet(Api(url, AUTH), database, folder, _environment(folder, url, database))
    fleet.working_directory.mkdir()
    command = (
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        HOST,
        "--port",
        str(port),
    )
    with fleet.run_program("server", *command, ready="dashboard", **_SERVER_SETTINGS):
        fleet.api.wait_until_healthy()
        yield fleet


_SERVER_SETTINGS = {
    "PREFECT_SERVER_API_AUTH_STRING": AUTH,
    # Nothing starts by itself: a test starts what it is about, and schedules are compared.
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
}


def _environment(folder: Path, url: str, database: str) -> dict[str, str]:
    return {
        **foreign_environment(),
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING": AUTH,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "REGISTRY_INTEGRATION_DATABASE_URL": database,
        "REGISTRY_INTEGRATION_DATA_DIR": str(folder / "none"),
        "REGISTRY_INTEGRATION_SECRET_KEYS": Fernet.generate_key().decode(),
        "REGISTRY_INTEGRATION_REQUESTS_AT_ONCE": "1",
        "REGISTRY_INTEGRATION_ALLOWED_NETWORKS": LOOPBACK_NETWORKS,  # simulated managed Harbors
    }
