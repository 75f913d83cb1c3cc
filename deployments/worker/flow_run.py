"""The process of one flow run, as workers start it: ends with its worker.

It is the job variable `command` of all deployments, see `prefect.yaml`.
"""

import os
import runpy

from deployments.worker.processes import die_with_parent

_HEARTBEAT_SECONDS = "30"
"""What `models.core.run_liveness` counts on, whoever started the worker."""

if __name__ == "__main__":
    os.environ["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] = _HEARTBEAT_SECONDS
    parent = os.getppid()
    die_with_parent()
    if os.getppid() == parent:  # or it died before Linux was told
        runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
