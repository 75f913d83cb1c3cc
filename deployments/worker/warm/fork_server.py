"""Fork a process for each flow run, and report how it ends."""

import json
import os
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deployments.worker.warm.code_stamp import CodeStamp
from deployments.worker.warm.handover import (
    ACCEPTED,
    LENGTH,
    NOT_STARTED,
    START,
    STATUS,
)

_REQUEST_SECONDS = 2.0
_MAX_REQUEST_BYTES = 4 << 20
_INVALID = (EOFError, ValueError, LookupError, TypeError, RecursionError, struct.error)
_RUN_PREFIX = "PREFECT__"
"""Variables that Prefect sets for one run, e.g. its id."""


@dataclass(eq=False)
class Run:
    """A flow run: first a request, then a child process.

    Attributes:
        connection: to the process that the worker started for this run.
        streams: standard input, output and error, until the child has them.
        pid: of the child; 0 before it is started.
        pidfd: readable when the child has ended.
    """

    connection: socket.socket
    environment: Mapping[str, str]
    directory: str
    streams: list[int]
    pid: int = 0
    pidfd: int = -1

    def close_streams(self) -> None:
        """Close the streams of the request."""
        while self.streams:
            os.close(self.streams.pop())

    def close(self) -> None:
        """Close the streams and the connection, at whose end the other side looks."""
        self.close_streams()
        self.connection.close()


@dataclass(frozen=True)
class _Source:
    """What to do when a descriptor is readable, and the run that fails if that fails."""

    handle: Callable[[], Run | None]
    run: Run | None = None


@dataclass
class ForkServer:
    """Accept requests, fork, forward signals, and report how children end.

    Attributes:
        environment: variables that a run must have, except those of one run, to be started here.
        remaining_runs: how many runs are still started.
        pid: of this process, which its children do not have.
    """

    listener: socket.socket
    environment: Mapping[str, str]
    code_stamp: CodeStamp
    remaining_runs: int
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    runs: list[Run] = field(default_factory=list)
    is_open: bool = True
    pid: int = field(default_factory=os.getpid)

    def serve(self) -> Run | None:
        """Serve until retired and until the last child has ended.

        Returns:
            In a child: its run. In this process: None.
        """
        self.listener.listen()
        self._register(self.listener, _Source(self._accept))
        while self.is_open or self.runs:
            for key, _ in self.selector.select():
                if self.selector.get_map().get(key.fd) is not key:
                    continue  # a handler before this one has closed it
                if (run := self._handle(key.data)) is not None:
                    return run
        return None

    def _handle(self, source: _Source) -> Run | None:
        """Call a handler. An error ends one run: with this process, the kernel would kill all."""
        try:
            return source.handle()
        except Exception as error:
            if os.getpid() != self.pid:
                raise
            _log(f"unexpected error: {error!r}")
            if source.run in self.runs:
                self._abandon(source.run)
        return None

    def _register(self, descriptor: socket.socket | int, source: _Source) -> None:
        self.selector.register(descriptor, selectors.EVENT_READ, source)

    def _accept(self) -> None:
        try:
            connection, _ = self.listener.accept()
        except OSError as error:  # e.g. too many open files
            _log(f"cannot accept: {error}")
            self._retire()
            return
        connection.settimeout(_REQUEST_SECONDS)
        run = _receive_request(connection)
        if run is None:
            connection.close()
            return
        if reason := self._find_refusal(run):
            _log(f"a flow run starts without it: {reason}")
        elif _send(connection, ACCEPTED):
            self.runs.append(run)
            self._register(connection, _Source(lambda: self._read_message(run), run))
            return
        run.close()

    def _find_refusal(self, run: Run) -> str:
        try:
            return self._compare(run)
        except Exception as error:  # whatever it is, the run can start elsewhere
            return repr(error)

    def _compare(self, run: Run) -> str:
        """Return why a run cannot be started here; empty if it can."""
        if names := _differences(self.environment, run.environment):
            return f"its environment differs from the worker's in {', '.join(names)}"
        if self.code_stamp.is_outdated():
            self._retire()
            return "the code or a package has changed"
        if (threads := len(os.listdir("/proc/self/task"))) != 1:  # noqa: PTH208
            self._retire()
            return f"this process has {threads} threads"
        return ""

    def _retire(self) -> None:
        """Start no more runs; the removed socket tells the supervisor to start another server."""
        if self.is_open:
            self.is_open = False
            path = Path(self.listener.getsockname())
            self.selector.unregister(self.listener)
            self.listener.close()
            with suppress(OSError):  # nobody listens there any more, in any case
                path.unlink()

    def _read_message(self, run: Run) -> Run | None:
        try:
            message = run.connection.recv(1)
        except OSError:
            message = b""
        if message == START and not run.pid:
            return self._fork(run)
        # An end of the connection means that the process on the other side was killed.
        _send_signal(run, message[0] if message else signal.SIGKILL)
        if not message and run.pid:
            self.selector.unregister(run.connection)
        elif not message:
            self._forget(run)
        return None

    def _fork(self, run: Run) -> Run | None:
        try:
            run.pid = os.fork()
        except OSError as error:  # e.g. the limit of processes: its own one can run it
            _log(f"cannot fork: {error}")
            _send(run.connection, STATUS.pack(NOT_STARTED))
            self._forget(run)
            return None
        if not run.pid:
            self._close_in_child(run)
            return run
        run.close_streams()
        run.pidfd = os.pidfd_open(run.pid)
        self._register(run.pidfd, _Source(lambda: self._report_end(run), run))
        self.remaining_runs -= 1
        if self.remaining_runs <= 0:
            self._retire()
        return None

    def _report_end(self, run: Run) -> None:
        _, status = os.waitpid(run.pid, 0)
        _send(run.connection, STATUS.pack(status))
        self._forget(run)

    def _abandon(self, run: Run) -> None:
        """Kill a run that cannot be followed; the closed connection tells who started it."""
        if run.pid:
            _send_signal(run, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(run.pid, 0)
        self._forget(run)

    def _forget(self, run: Run) -> None:
        self.runs.remove(run)
        for descriptor in (run.connection, run.pidfd):
            with suppress(KeyError, ValueError):  # not registered, or none
                self.selector.unregister(descriptor)
        if run.pidfd >= 0:
            os.close(run.pidfd)
        run.close()

    def _close_in_child(self, own_run: Run) -> None:
        self.selector.close()
        self.listener.close()
        for run in self.runs:
            run.connection.close()
            if run.pidfd >= 0:
                os.close(run.pidfd)
            if run is not own_run:
                run.close_streams()


def _receive_request(connection: socket.socket) -> Run | None:
    streams: list[int] = []
    try:
        header, streams, _, _ = socket.recv_fds(connection, LENGTH.size, 3)
        (length,) = LENGTH.unpack(header)
        if len(streams) == 3 and length <= _MAX_REQUEST_BYTES:
            request = json.loads(_receive_exactly(connection, length))
            return Run(connection, request["environment"], request["directory"], streams)
    except (*_INVALID, OSError) as error:
        _log(f"invalid request: {error!r}")
    for stream in streams:
        os.close(stream)
    return None


def _receive_exactly(connection: socket.socket, length: int) -> bytes:
    body = bytearray()
    while len(body) < length:
        part = connection.recv(length - len(body))
        if not part:
            raise EOFError("the connection was closed")
        body += part
    return bytes(body)


def _send(connection: socket.socket, message: bytes) -> bool:
    """Send a message; return whether the other side is still there."""
    try:
        connection.sendall(message)
    except OSError:
        return False
    return True


def _log(message: str) -> None:
    with suppress(OSError):  # e.g. a full disk
        print(f"Fork server: {message}", file=sys.stderr, flush=True)


def _send_signal(run: Run, number: int) -> None:
    if run.pid:
        with suppress(ProcessLookupError, ValueError):
            os.kill(run.pid, number)


def _differences(expected: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """Return the names of variables, other than those of one run, whose values differ."""
    names = {name for name in {*expected, *environment} if not name.startswith(_RUN_PREFIX)}
    return sorted(name for name in names if expected.get(name) != environment.get(name))
