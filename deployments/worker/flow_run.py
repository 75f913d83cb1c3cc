"""Process of one flow run, started by a worker. It ends with its worker.

The job variable `command` of all deployments in `prefect.yaml` runs this module.
"""

import os
import runpy

from deployments.worker.processes import die_with_parent

_HEARTBEAT_SECONDS = "30"
"""`models.core.runs.liveness` relies on it, so it overrides the environment of the worker."""

if __name__ == "__main__":
    os.environ["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] = _HEARTBEAT_SECONDS
    parent = os.getppid()
    die_with_parent()
    if os.getppid() == parent:  # otherwise it died before the call took effect
        runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
