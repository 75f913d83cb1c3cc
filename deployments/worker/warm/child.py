"""Child of the fork server: take the place of the process that the worker started."""

import os

from deployments.worker.processes import die_with_parent
from deployments.worker.warm.fork_server import Run


def take_over(run: Run, server_pid: int) -> None:
    """Take streams, directory and environment of a run; this process ends with the fork server."""
    die_with_parent()
    if os.getppid() != server_pid:  # it died before the call took effect
        os._exit(1)
    for target, stream in enumerate(run.streams):
        os.dup2(stream, target)
    run.close_streams()
    os.chdir(run.directory)
    os.environ.clear()
    os.environ.update(run.environment)
