"""The process of one flow run, as workers start it: ends with its worker.

It is the job variable `command` of all deployments, see `prefect.yaml`.
"""

import os
import runpy

from deployments.processes import die_with_parent

if __name__ == "__main__":
    parent = os.getppid()
    die_with_parent()
    if os.getppid() == parent:  # or it died before Linux was told
        runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
