"""Flow runs in processes of their own, and ways to kill them at an exact place."""

import asyncio
import importlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from prefect.settings import PREFECT_API_URL, temporary_settings
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.asgi import CapturedResponse
from deployments.simulators.faults import Fault, FaultInjector
from models.core.settings import get_settings
from tests.support.databases import DATABASE
from tests.support.processes import preload, start

preload(
    "tests.support.subprocess_runs",
    "flows.registries.create_space",
    "flows.registries.set_visibility",
    "flows.registries.reconcile_all",
)
preload("flows.access.bind_space", "flows.access.unbind_space", "flows.access.rotate_credentials")
preload("kubernetes_asyncio.config")

_PREFIX = "REGISTRY_INTEGRATION_"
QUICK = {
    f"{_PREFIX}LEASE_SECONDS": "1",
    f"{_PREFIX}REQUESTS_AT_ONCE": "1",
    f"{_PREFIX}CLUSTER_REQUESTS_AT_ONCE": "1",
}
"""A killed run's lease ends soon, and requests come one after the other."""


class FaultyService(Protocol):
    """A simulated service that can be told to misbehave."""

    @property
    def faults(self) -> FaultInjector:
        """Its faults."""


def run(entrypoint: str, parameters: dict[str, Any], api: str) -> None:
    """Run a flow, as the process of a flow run does."""
    module, _, name = entrypoint.partition(":")
    flow = getattr(importlib.import_module(module), name)
    with temporary_settings({PREFECT_API_URL: api}):
        asyncio.run(flow(**parameters))


def start_run(entrypoint: str, environment: dict[str, str], **parameters: Any) -> BaseProcess:
    """Start a flow run on this test's database and server, with this test's settings."""
    own_settings = {key: value for key, value in os.environ.items() if key.startswith(_PREFIX)}
    shared = {**own_settings, DATABASE: get_settings().database, **environment}
    return start(shared, run, entrypoint, parameters, PREFECT_API_URL.value() or "")


@dataclass(frozen=True)
class Kill:
    """Kill a process at this request, before or after it has its effect; it gets no answer."""

    process: Callable[[], BaseProcess]
    has_effect: bool

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app do it if it shall be done, and kill who asked for it."""
        captured_response = CapturedResponse()
        if self.has_effect:
            await app(scope, receive, captured_response.send)
        os.kill(self.process().pid or 0, signal.SIGKILL)
        # Not is_alive: of two threads that ask how it ended, one is given a status nobody had.
        await asyncio.to_thread(wait, [self.process().sentinel])


def kill_at(
    service: FaultyService,
    request: tuple[str, str],
    entrypoint: str,
    *,
    after: int = 0,
    has_effect: bool = False,
    **parameters: Any,
) -> None:
    """Start a flow run, and kill it at a request to the registry or to the cluster."""
    method, path = request
    processes: list[BaseProcess] = []
    kill = Kill(lambda: processes[0], has_effect)
    service.faults.add(Fault(kill, method, path, after=after))
    processes.append(start_run(entrypoint, QUICK, **parameters))
    processes[0].join(60)
    assert processes[0].exitcode == -signal.SIGKILL
    service.faults.clear()
