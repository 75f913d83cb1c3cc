"""Side of a flow run: hand the run over to the fork server, and end as it ends.

This runs in every flow run before anything else: import only what Python starts with quickly.

The conversation, over a Unix socket: request with the three standard streams → `ACCEPTED` → `START`
→ any number of signals, a byte each → wait status, four bytes. Until `START` is sent, and after the
status `NOT_STARTED`, the run can still be started elsewhere. Who finds the connection closed kills
its side.
"""

import json
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from types import FrameType
from typing import Any, NamedTuple, NoReturn

SOCKET_VARIABLE = "REGISTRY_INTEGRATION_FORK_SERVER"
"""Variable with the path of the fork server's socket; set by the worker, not by users."""

RUN_ENVIRONMENT = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
"""Variables of each run. `models.core.runs.liveness` relies on the heartbeats."""

DISABLED_STATUS = 64
"""Exit status of a fork server that is turned off, and not to be started again."""

ACCEPTED = b"a"
START = b"\0"
LENGTH = struct.Struct("!I")
STATUS = struct.Struct("!i")
NOT_STARTED = -1
"""In place of a wait status: no process could be created."""

_ANSWER_SECONDS = 5.0
_READY_SECONDS = 30.0
"""How long a run waits for a fork server that is being started, which takes as long as to start in
a process of its own: many runs that do so at once delay each other, and the fork server."""

_RETRY_SECONDS = 0.1
_MAX_SIGNALS = 64
_FORWARDED_SIGNALS = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT),
    *(signal.SIGUSR1, signal.SIGUSR2),
)


class StartedRun(NamedTuple):
    """A run that the fork server has started.

    Attributes:
        connection: to the fork server.
        signals: readable when this process gets a signal: its number, a byte each.
        handlers: what handled the signals before.
    """

    connection: socket.socket
    signals: socket.socket
    handlers: Mapping[signal.Signals, Any]


def request_start(path: str) -> StartedRun | None:
    """Ask the fork server to run this flow run, with this environment, directory and streams.

    Returns:
        The run; None if nothing was started.
    """
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_ANSWER_SECONDS)
    try:
        _connect(connection, path)
        request = json.dumps({"environment": dict(os.environ), "directory": os.getcwd()})  # noqa: PTH109
        body = request.encode()
        socket.send_fds(connection, [LENGTH.pack(len(body))], [0, 1, 2])
        connection.sendall(body)
        if connection.recv(1) == ACCEPTED:
            connection.settimeout(None)
            return _start(connection)
    except OSError:
        pass
    connection.close()
    return None


def _connect(connection: socket.socket, path: str) -> None:
    """Connect to the fork server; wait while the socket exists and nobody listens yet.

    Raises:
        OSError: there is none, or it is not ready in time.
    """
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            return connection.connect(path)
        except ConnectionRefusedError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_SECONDS)


def _start(connection: socket.socket) -> StartedRun:
    # Before the run starts: a signal that comes as soon as it runs must reach it.
    signals, sender = socket.socketpair()
    sender.setblocking(False)
    handlers = {number: signal.signal(number, _ignore) for number in _FORWARDED_SIGNALS}
    signal.set_wakeup_fd(sender.detach())
    run = StartedRun(connection, signals, handlers)
    try:
        connection.sendall(START)
    except OSError:
        _handle_signals_here(run)
        raise
    return run


def _handle_signals_here(run: StartedRun) -> None:
    """Restore the handlers of signals, and send this process again those that came meanwhile."""
    os.close(signal.set_wakeup_fd(-1))
    for number, handler in run.handlers.items():
        signal.signal(number, handler)
    with suppress(BlockingIOError):  # none came
        for pending in run.signals.recv(_MAX_SIGNALS, socket.MSG_DONTWAIT):
            os.kill(os.getpid(), pending)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing: Python has written the number of the signal to the socket."""


def follow_run(run: StartedRun, worker_pid: int) -> None:
    """Forward signals to a run that was started, and end this process the same way as the run.

    It returns only if no process could be created for the run.
    """
    status = _wait_for_status(run, worker_pid)
    if status != NOT_STARTED:
        _end_with(status)
    run.connection.close()
    _handle_signals_here(run)


def _wait_for_status(run: StartedRun, worker_pid: int) -> int:
    """Return the wait status of the run; that of a killed process if its end is not known."""
    poll = select.poll()
    poll.register(run.connection, select.POLLIN)
    poll.register(run.signals, select.POLLIN)
    if hasattr(os, "pidfd_open"):
        with suppress(OSError):  # it is dead already
            poll.register(os.pidfd_open(worker_pid), select.POLLIN)
    if os.getppid() != worker_pid:  # it died before its descriptor was open
        return signal.SIGKILL
    while {descriptor for descriptor, _ in poll.poll()} == {run.signals.fileno()}:
        with suppress(OSError):  # a dead fork server ends this process anyway
            run.connection.sendall(run.signals.recv(_MAX_SIGNALS))
    try:
        message = run.connection.recv(STATUS.size, socket.MSG_DONTWAIT)
    except OSError:  # nothing was sent: the worker has died
        message = b""
    return int(STATUS.unpack(message)[0]) if len(message) == STATUS.size else signal.SIGKILL


def _end_with(status: int) -> NoReturn:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(max(code, 1) if code < 0 else code)
