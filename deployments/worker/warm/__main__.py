"""`python -m deployments.worker.warm <descriptor>`: the process of the fork server.

It imports Prefect and all flows, and nothing else: it has one thread, and no connection, engine or
TLS context that a child would share. The argument is the descriptor of a bound socket.
"""

import gc
import os
import socket
import sys

from deployments.worker.warm.child import take_over
from deployments.worker.warm.code_stamp import CodeStamp
from deployments.worker.warm.fork_server import ForkServer
from deployments.worker.warm.handover import DISABLED_STATUS, RUN_ENVIRONMENT


def main() -> int:
    """Serve until retired; in a child, run its flow run."""
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
        run_engine()
    return 0


if __name__ == "__main__":
    sys.exit(main())
