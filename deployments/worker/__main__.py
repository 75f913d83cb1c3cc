"""`python -m deployments.worker`: run flow runs of the work pool with the flows of this checkout.

SIGTERM stops the worker and all its runs within seconds: runs are safe to kill.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from deployments.data_dir import check_complete
from deployments.environment import WORKER_NAME, log_environment
from deployments.worker.processes import Process, start_process, stop_process
from deployments.worker.warm.supervisor import Supervisor, supervise_fork_server
from models.core.errors import InvalidRequest
from models.core.settings import get_settings

_STOP_SECONDS = 5.0
_CHECK_SECONDS = 0.3


def main() -> int:
    """Run until Ctrl-C or SIGTERM, or until the worker exits."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    options = _parse_options()
    try:
        check_complete(get_settings().data_dir)
    except InvalidRequest as error:
        print(f"The worker did not start: {error}", file=sys.stderr)
        return 1
    own_bin = str(Path(sys.executable).parent)
    environment = {
        **log_environment(),
        # Runs are started with `python`, which must be the interpreter of this checkout.
        "PATH": os.pathsep.join([own_bin, os.environ.get("PATH", os.defpath)]),
        "PREFECT_WORKER_QUERY_SECONDS": os.environ.get("PREFECT_WORKER_QUERY_SECONDS", "1"),
    }
    with supervise_fork_server(environment) as supervisor:
        worker = start_process(
            *("-m", "deployments.worker.process_worker", options.name, str(options.limit)),
            environment=environment,
        )
        try:
            return _wait(worker, supervisor)
        except KeyboardInterrupt:
            return 0
        finally:
            stop_process(worker, _STOP_SECONDS)


def _wait(worker: Process, supervisor: Supervisor | None) -> int:
    """Keep the fork server running until the worker exits."""
    while worker.poll() is None:
        if supervisor is not None:
            supervisor.check()
        time.sleep(_CHECK_SECONDS)
    return worker.returncode


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deployments.worker", description=__doc__)
    parser.add_argument(
        "--name", default=WORKER_NAME, help="name in the UI, unique among all workers"
    )
    parser.add_argument(
        "--limit", type=int, default=10, help="maximum number of concurrent runs (default: 10)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
