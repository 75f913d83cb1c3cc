"""Print the peak memory of a reconcile over that of an empty flow, in a process of its own (MB).

Usage: python -m tests.benchmarks.peak_memory REGISTRY [resync]
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from prefect import flow
from prefect.settings import PREFECT_API_URL

from tests.benchmarks.steady import reconcile_steadily


@flow
async def empty() -> None:
    """Start and end."""


@flow
async def reconcile_once(name: str, *, resync: bool) -> None:
    """Reconcile one registry."""
    await reconcile_steadily(name, resync=resync)


def peak_megabytes() -> float:
    """Return the peak of this process so far."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


async def measure(name: str, *, resync: bool) -> float:
    """Return by how much a reconcile raises the peak of a process that has run an empty flow."""
    await empty()
    before = peak_megabytes()
    await reconcile_once(name, resync=resync)
    return peak_megabytes() - before


def measure_in_process(name: str, *, resync: bool) -> float:
    """Return what `measure` returns in a new process, which has freed nothing before."""
    arguments = [name, *(["resync"] if resync else [])]
    command = [sys.executable, "-m", "tests.benchmarks.peak_memory", *arguments]
    environment = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(output.stdout.split()[-1])


if __name__ == "__main__":
    print(asyncio.run(measure(sys.argv[1], resync="resync" in sys.argv[2:])))
