"""Keep a fork server running: start the next one when one retires or dies."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from deployments.worker.processes import Process, is_stopped, start_process, stop_process
from deployments.worker.warm.handover import DISABLED_STATUS, SOCKET_VARIABLE

_MIN_DELAY_SECONDS = 2.0
_MAX_DELAY_SECONDS = 60.0
_STABLE_SECONDS = 60.0


@dataclass
class Supervisor:
    """The fork server of one worker, and its retired ones whose runs have not ended.

    Attributes:
        path: of the socket; the file is missing if the fork server has retired or cannot start.
    """

    path: Path
    environment: dict[str, str]
    server: Process | None = None
    retired: list[Process] = field(default_factory=list)
    started_at: float = 0.0
    delay: float = 0.0
    is_disabled: bool = False

    def check(self) -> None:
        """Start a fork server if none is running; call this several times a second."""
        self.retired = [process for process in self.retired if process.poll() is None]
        for process in (self.server, *self.retired):
            if process is not None and is_stopped(process):
                _continue(process)
        if self.server is not None and self.server.poll() is None:
            if self.path.exists():
                return
            self.retired.append(self.server)
            self.server = None
        elif self.server is not None:
            self._handle_exit(self.server.returncode)
            self.server = None
        if not self.is_disabled and time.monotonic() >= self.started_at + self.delay:
            self._try_to_start()

    def _handle_exit(self, status: int) -> None:
        self.is_disabled = status == DISABLED_STATUS
        lifetime = time.monotonic() - self.started_at
        if self.is_disabled or lifetime < _STABLE_SECONDS:
            self.path.unlink(missing_ok=True)  # it may never start: no run waits for it
        if not status or self.is_disabled:
            self.delay = 0.0
            return
        longer_delay = max(_MIN_DELAY_SECONDS, min(2 * self.delay, _MAX_DELAY_SECONDS))
        self.delay = _MIN_DELAY_SECONDS if lifetime >= _STABLE_SECONDS else longer_delay
        print(
            f"The fork server exited with status {status}; flow runs start without it, and it is "
            f"started again within {self.delay:.0f} s.",
            file=sys.stderr,
            flush=True,
        )

    def _try_to_start(self) -> None:
        """Start a fork server; an error, such as too many open files, leaves runs to start cold."""
        self.started_at = time.monotonic()
        try:
            self._start()
        except OSError as error:
            self.delay = max(_MIN_DELAY_SECONDS, min(2 * self.delay, _MAX_DELAY_SECONDS))
            print(
                f"The fork server could not be started: {error}; flow runs start without it, and "
                f"it is tried again within {self.delay:.0f} s.",
                file=sys.stderr,
                flush=True,
            )

    def _start(self) -> None:
        self.path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            umask = os.umask(0o177)
            try:
                listener.bind(str(self.path))
            finally:
                os.umask(umask)
            descriptor = listener.fileno()
            self.server = start_process(
                *("-m", "deployments.worker.warm", str(descriptor)),
                environment=self.environment,
                inherited=(descriptor,),
            )

    def stop(self) -> None:
        """Stop all fork servers, and with them their runs."""
        for process in (self.server, *self.retired):
            if process is not None:
                stop_process(process, 0)


def _continue(process: Process) -> None:
    """Continue a process that somebody stopped: the ends of its runs would not be noticed."""
    print(
        f"The fork server, process {process.pid}, was stopped by a signal; it is continued.",
        file=sys.stderr,
        flush=True,
    )
    os.kill(process.pid, signal.SIGCONT)  # it is not reaped yet, so the number is still its own


@contextmanager
def supervise_fork_server(environment: dict[str, str]) -> Iterator[Supervisor | None]:
    """Run a fork server, and set the variable by which flow runs find it.

    Yields:
        The supervisor, whose `check` has to be called; None where there are no warm starts.
    """
    if sys.platform != "linux":  # pidfd_open, prctl
        yield None
        return
    with TemporaryDirectory(prefix="registry-worker-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "fork-server.sock"
        environment[SOCKET_VARIABLE] = str(path)
        supervisor = Supervisor(path, environment)
        try:
            yield supervisor
        finally:
            supervisor.stop()
