"""Process of one flow run, started by a worker. It ends with its worker.

The job variable `command` of all deployments in `prefect.yaml` runs this module. It hands the run
to the fork server of the worker; where that cannot take it, the run starts in this process.
"""

import os
import sys

from deployments.worker.warm.handover import (
    RUN_ENVIRONMENT,
    SOCKET_VARIABLE,
    follow_run,
    request_start,
)


def run_flow_run() -> None:
    """Run the flow run that Prefect's variables name."""
    parent = os.getppid()
    os.environ.update(RUN_ENVIRONMENT)  # it overrides the environment of the worker
    path = os.environ.get(SOCKET_VARIABLE)
    run = request_start(path) if path else None
    if run is not None:
        follow_run(run, parent)
    _run_here(parent)


def _run_here(parent: int) -> None:
    # Imports that a warm start does not need.
    import runpy  # noqa: PLC0415

    from deployments.worker.processes import die_with_parent  # noqa: PLC0415

    die_with_parent()
    if os.getppid() == parent:  # otherwise it died before the call took effect
        sys.argv = ["prefect.engine"]
        runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run_flow_run()
