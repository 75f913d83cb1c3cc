"""Side of a flow run: hand the run over to the fork server, and end as it ends.

This runs in every flow run before anything else: import only what Python starts with quickly.

The conversation, over a Unix socket: request with the three standard streams → `ACCEPTED` → `START`
→ any number of signals, a byte each → wait status, four bytes. Until `START` is sent, the run can
still be started elsewhere. Who finds the connection closed kills its side.
"""

import json
import os
import select
import signal
import socket
import struct
from contextlib import suppress
from types import FrameType
from typing import NoReturn

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

_ANSWER_SECONDS = 5.0
_FORWARDED_SIGNALS = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT),
    *(signal.SIGUSR1, signal.SIGUSR2),
)


def request_start(path: str) -> socket.socket | None:
    """Ask the fork server to run this flow run, with this environment, directory and streams.

    Returns:
        The connection to the run; None if nothing was started.
    """
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_ANSWER_SECONDS)
    try:
        connection.connect(path)
        request = json.dumps({"environment": dict(os.environ), "directory": os.getcwd()})  # noqa: PTH109
        body = request.encode()
        socket.send_fds(connection, [LENGTH.pack(len(body))], [0, 1, 2])
        connection.sendall(body)
        if connection.recv(1) == ACCEPTED:
            connection.settimeout(None)
            connection.sendall(START)
            return connection
    except OSError:
        pass
    connection.close()
    return None


def follow_run(connection: socket.socket, worker_pid: int) -> NoReturn:
    """Forward signals to a run that was started, and end this process the same way as the run."""

    def forward(number: int, _: FrameType | None) -> None:
        with suppress(OSError):  # a dead fork server ends this process anyway
            connection.send(bytes([number]))

    for number in _FORWARDED_SIGNALS:
        signal.signal(number, forward)
    _end_with(_wait_for_status(connection, worker_pid))


def _wait_for_status(connection: socket.socket, worker_pid: int) -> int:
    """Return the wait status of the run; that of a killed process if its end is not known."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    if hasattr(os, "pidfd_open"):
        with suppress(OSError):  # it is dead already
            poll.register(os.pidfd_open(worker_pid), select.POLLIN)
    if os.getppid() != worker_pid:  # it died before its descriptor was open
        return signal.SIGKILL
    ready = [descriptor for descriptor, _ in poll.poll()]
    if connection.fileno() not in ready:  # the worker has died
        return signal.SIGKILL
    try:
        message = connection.recv(STATUS.size)
    except OSError:
        message = b""
    return int(STATUS.unpack(message)[0]) if len(message) == STATUS.size else signal.SIGKILL


def _end_with(status: int) -> NoReturn:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(max(code, 1) if code < 0 else code)
