"""Child processes that end with their parent, even if the parent is killed.

Do not import Prefect here, see `deployments.environment`.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from deployments.environment import PROJECT_DIR

Process = subprocess.Popen[bytes]
_PR_SET_PDEATHSIG = 1  # man 2 prctl


def start_process(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
    inherited: tuple[int, ...] = (),
) -> Process:
    """Start a Python program of this checkout in its own process group.

    On Linux, the kernel kills it when this process dies.

    Args:
        arguments: arguments of the interpreter.
        environment: variables to set in addition to the inherited ones.
        log: file for its output; inherited from this process if None.
        inherited: descriptors of this process that it inherits.
    """
    return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
        [sys.executable, *arguments],
        cwd=PROJECT_DIR,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        pass_fds=inherited,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
    )


def die_with_parent() -> None:
    """Make Linux kill this process when its parent dies. No effect on other systems."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def stop_process(process: Process, seconds: float) -> None:
    """Send SIGTERM to a process and its group, and SIGKILL after `seconds`."""
    _send_signal(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    _send_signal(process, signal.SIGKILL)
    process.wait()


def is_stopped(process: Process) -> bool:
    """Return whether a signal has stopped the process, see man 5 proc_pid_stat."""
    try:
        text = Path(f"/proc/{process.pid}/stat").read_text()
    except OSError:  # it has ended
        return False
    return text.rpartition(")")[2].split()[0] == "T"


def _send_signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def wait_for_any(*processes: Process, meanwhile: Callable[[], None]) -> Process:
    """Wait until one of the processes exits, and return it.

    Args:
        processes: the processes.
        meanwhile: what to do three times a second.
    """
    while True:
        for process in processes:
            if process.poll() is not None:
                return process
        meanwhile()
        time.sleep(0.3)
