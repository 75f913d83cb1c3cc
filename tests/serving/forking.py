"""A fork server whose children run the code of a variable instead of a flow run.

`python tests/serving/forking.py <descriptor> <max runs> <packages> <checkout> [<max processes>]` is
its process.
"""

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deployments.environment import PROJECT_DIR
from deployments.worker.warm.child import take_over
from deployments.worker.warm.code_stamp import CodeStamp
from deployments.worker.warm.fork_server import ForkServer
from deployments.worker.warm.handover import RUN_ENVIRONMENT, SOCKET_VARIABLE

CODE_VARIABLE = "PREFECT__TEST_CODE"
WAIT_SECONDS = 30.0

Process = subprocess.Popen[str]


@dataclass(frozen=True)
class RunningForkServer:
    """A fork server, and the environment of its runs.

    Attributes:
        extra_path: a folder that counts as one of packages.
        checkout: a folder that counts as the checkout.
    """

    process: "subprocess.Popen[bytes]"
    socket_path: Path
    extra_path: Path
    checkout: Path
    log_path: Path
    environment: dict[str, str]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def start(self, code: str, **variables: str) -> Process:
        """Start a run, as a worker does."""
        return subprocess.Popen(
            [sys.executable, "-m", "deployments.worker.flow_run"],
            env={**self.environment, CODE_VARIABLE: code, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def check_refused(self, reason: str, **variables: str) -> None:
        """Start a run that the fork server refuses for a reason, and do not wait for its end."""
        size = self.log_path.stat().st_size
        process = self.start("print('forked')", **variables)
        try:
            wait_until(lambda: self.log_path.stat().st_size > size)
            assert reason in self.log_path.read_text()[size:]
        finally:
            process.kill()
            output, _ = process.communicate()
        assert "forked" not in output

    def children(self) -> list[int]:
        """The process ids of its children."""
        path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def wait_for_children(self, count: int) -> list[int]:
        """Wait until it has so many children, and return their process ids."""
        wait_until(lambda: len(self.children()) == count)
        return self.children()


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def run_fork_server(
    folder: Path,
    max_runs: int = 1000,
    *,
    can_fork: bool = True,
    before: Callable[[dict[str, str]], object] = dict,
) -> Iterator[RunningForkServer]:
    """Run a fork server until the block ends.

    Args:
        folder: where its socket is.
        max_runs: how many runs it starts.
        can_fork: whether it can create a process.
        before: called with the environment of runs when the socket exists and nobody listens yet.
    """
    path, extra_path = folder / "fork-server.sock", folder / "packages"
    checkout = folder / "checkout"
    extra_path.mkdir()
    (checkout / "models").mkdir(parents=True)
    environment = {**os.environ, **RUN_ENVIRONMENT, SOCKET_VARIABLE: str(path)}
    log_path = folder / "fork-server.log"
    with socket.socket(socket.AF_UNIX) as listener, log_path.open("wb") as log:
        listener.bind(str(path))
        before(environment)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", __name__),
                *(str(listener.fileno()), str(max_runs), extra_path, checkout),
                *(() if can_fork else ("0",)),
            ],
            cwd=PROJECT_DIR,
            env=environment,
            pass_fds=[listener.fileno()],
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until(lambda: _is_listening(path))
        yield RunningForkServer(process, path, extra_path, checkout, log_path, environment)
    finally:
        process.kill()
        process.wait()


def _is_listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(ConnectionRefusedError):
        probe.connect(str(path))
        return True
    return False


def _limit_processes(count: int) -> None:
    resource.setrlimit(resource.RLIMIT_NPROC, (count, count))
    if not os.getuid():  # the limit does not hold for root
        os.setuid(65534)


def main() -> None:
    """Serve, and run the code in a child."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    if len(sys.argv) > 5:
        _limit_processes(int(sys.argv[5]))
    stamp = CodeStamp.read([sys.argv[3]], Path(sys.argv[4]))
    server_pid = os.getpid()
    run = ForkServer(listener, dict(os.environ), stamp, int(sys.argv[2])).serve()
    if run is not None:
        take_over(run, server_pid)
        exec(os.environ[CODE_VARIABLE], {})


if __name__ == "__main__":
    main()
