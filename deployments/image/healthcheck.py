"""`python -m deployments.image.healthcheck`: the HEALTHCHECK of the image, for Docker and Podman.

Process 1 shows the command of the container. A server and a console must answer; the process of a
worker must run. Whether Prefect answers is no question about a worker: it waits for it. Other
commands are healthy until they end. This runs twice a minute, so it imports nothing else.
"""

import os
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from itertools import pairwise
from pathlib import Path

_MODULE = "deployments.image"
_WORKER = "deployments.worker.process_worker"
_TIMEOUT_SECONDS = 5.0
_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
_NOT_RUNNING_STATES = "ZTtX"


def find_command(process: Sequence[str]) -> str:
    """Return the command of the image from the command line of process 1.

    It is empty if another program than that of the image was started.
    """
    return next((after for name, after in pairwise(process) if name == _MODULE), "")


def health_url(command: str, environment: Mapping[str, str]) -> str:
    """Return the address at which a command must answer; empty if it serves nothing."""
    if command == "server":
        prefix, port = "PREFECT_SERVER_API", "4200"
        path = environment.get(f"{prefix}_BASE_PATH", "/api").rstrip("/") + "/health"
    elif command == "console":
        prefix, port, path = "REGISTRY_INTEGRATION_CONSOLE", "4201", "/healthz"
    else:
        return ""
    host, port = environment.get(f"{prefix}_HOST", ""), environment.get(f"{prefix}_PORT", port)
    return f"http://{_WILDCARDS.get(host, host)}:{port}{path}"


def find_error(process: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return why the container does not work; empty if it does.

    Args:
        process: command line of process 1.
        environment: the variables of the container.
    """
    command = find_command(process)
    if command == "worker":
        return "" if _is_running(_WORKER) else "the process of the worker is not running"
    url = health_url(command, environment)
    if not url:
        return ""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_TIMEOUT_SECONDS):
            return ""
    except (OSError, HTTPException, ValueError) as error:
        return f"{url}: {error}"


def _is_running(module: str) -> bool:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # it has ended
            continue
        if module.encode() in arguments and state not in _NOT_RUNNING_STATES:
            return True
    return False


def main() -> int:
    """Print the error, if any."""
    process = Path("/proc/1/cmdline").read_text().split("\0")
    if error := find_error(process, os.environ):
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
