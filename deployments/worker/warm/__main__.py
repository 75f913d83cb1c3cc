"""`python -m deployments.worker.warm <descriptor>`: the process of the fork server.

It imports Prefect and all flows, and nothing else: it has one thread, and no connection, engine or
TLS context that a child would share. The argument is the descriptor of a bound socket.
"""

import atexit
import gc
import os
import socket
import sys

from deployments.worker.warm.child import take_over
from deployments.worker.warm.code_stamp import CodeStamp
from deployments.worker.warm.fork_server import ForkServer
from deployments.worker.warm.handover import DISABLED_STATUS, RUN_ENVIRONMENT

_run_statuses: list[int] = []
"""Exit status of the flow run, in a child whose flow run has ended."""


def main() -> int:
    """Serve until retired; in a child, run its flow run."""
    atexit.register(_end_run)  # the first handler is called last
    listener = socket.socket(fileno=int(sys.argv[1]))
    os.environ.update(RUN_ENVIRONMENT)
    environment, code_stamp = dict(os.environ), CodeStamp.read(sys.path)
    gc.disable()
    # Slow imports, after the state of the disk was read.
    from prefect.settings import get_current_settings  # noqa: PLC0415

    from deployments.worker.warm.engine import import_flows, run_engine  # noqa: PLC0415
    from models.core.settings import get_settings  # noqa: PLC0415

    import_flows()
    if not (max_runs := get_settings().warm_max_runs):
        return DISABLED_STATUS
    # A worker adds its Prefect settings, e.g. those of a profile, to the environment of a run.
    environment |= get_current_settings().to_environment_variables(exclude_unset=True)
    gc.collect()
    gc.freeze()
    gc.enable()
    server_pid = os.getpid()
    run = ForkServer(listener, environment, code_stamp, max_runs).serve()
    if run is not None:
        take_over(run, server_pid)
        _run_statuses.append(run_engine())
    return sum(_run_statuses)


def _end_run() -> None:
    """End a child once its threads and the other handlers have ended.

    Python would now destroy each module and so copy most of the memory shared with the server.
    """
    if _run_statuses:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_run_statuses[0])


if __name__ == "__main__":
    sys.exit(main())
