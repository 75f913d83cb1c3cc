"""Processes of their own for tests that need several, or one that can be killed."""

import multiprocessing
import os
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess

# Forked from a server that has imported everything once: as fresh as spawned, and quicker.
_CONTEXT = multiprocessing.get_context("forkserver")
_preloaded = ["tests.support.processes"]


def preload(*modules: str) -> None:
    """Import modules once for all processes; to be called before the first is started."""
    _preloaded.extend(modules)
    _CONTEXT.set_forkserver_preload(_preloaded)


def start(environment: Mapping[str, str], work: Callable[..., None], *args: object) -> BaseProcess:
    """Do `work` in another process, under these environment variables."""
    process = _CONTEXT.Process(target=_run_with, args=(environment, work, *args), daemon=True)
    process.start()
    return process


def _run_with(environment: Mapping[str, str], work: Callable[..., None], *args: object) -> None:
    os.environ.update(environment)
    work(*args)


def finish(*processes: BaseProcess) -> None:
    """Wait until all have ended, and see that they ended well."""
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(processes)
