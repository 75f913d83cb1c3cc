"""Processes that end with the one that started them, however that one ends.

Imports nothing of Prefect, see `deployments.environment`.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import IO

from deployments.environment import PROJECT_DIR

Process = subprocess.Popen[bytes]
_PR_SET_PDEATHSIG = 1  # man 2 prctl


def start_process(
    *arguments: str, environment: Mapping[str, str] | None = None, log: IO[bytes] | None = None
) -> Process:
    """Run a Python program of this checkout in a process group of its own.

    Linux kills it when this process is killed, which could not do so itself any more.

    Args:
        arguments: of the interpreter.
        environment: variables to set besides those of this process.
        log: where its output goes, if not where this process's goes.
    """
    return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
        [sys.executable, *arguments],
        cwd=PROJECT_DIR,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one call into the kernel
    )


def die_with_parent() -> None:
    """Have Linux kill this process when its parent is gone. Elsewhere nothing is done."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def stop_process(process: Process, seconds: float) -> None:
    """Ask a process and its group to end; kill what is left of them after some seconds."""
    _send_signal(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    _send_signal(process, signal.SIGKILL)
    process.wait()


def _send_signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def wait_for_any(*processes: Process) -> Process:
    """Wait until one of some processes has ended, and return it."""
    while True:
        for process in processes:
            if process.poll() is not None:
                return process
        time.sleep(0.3)
