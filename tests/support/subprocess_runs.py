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

from deployments.simulators.asgi import App, Captured, Receive, Scope, Send
from deployments.simulators.faults import Fault, Faults
from models.core.settings import settings
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

_OURS = "REGISTRY_INTEGRATION_"
QUICK = {
    f"{_OURS}LEASE_SECONDS": "1",
    f"{_OURS}REQUESTS_AT_ONCE": "1",
    f"{_OURS}CLUSTER_REQUESTS_AT_ONCE": "1",
}
"""A killed run's lease ends soon, and requests come one after the other."""


class Faulty(Protocol):
    """A simulated service that can be told to misbehave."""

    @property
    def faults(self) -> Faults:
        """Its faults."""


def run(entrypoint: str, parameters: dict[str, Any], api: str) -> None:
    """Run a flow, as the process of a flow run does."""
    module, _, name = entrypoint.partition(":")
    flow = getattr(importlib.import_module(module), name)
    with temporary_settings({PREFECT_API_URL: api}):
        asyncio.run(flow(**parameters))


def started(entrypoint: str, environment: dict[str, str], **parameters: Any) -> BaseProcess:
    """Start a flow run on this test's database and server, with this test's settings."""
    here = {key: value for key, value in os.environ.items() if key.startswith(_OURS)}
    shared = {**here, DATABASE: settings().database, **environment}
    return start(shared, run, entrypoint, parameters, PREFECT_API_URL.value() or "")


@dataclass(frozen=True)
class Kill:
    """Kill a process at this request, before or after it has its effect; it gets no answer."""

    victim: Callable[[], BaseProcess]
    served: bool

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app do it if it shall be done, and kill who asked for it."""
        unheard = Captured()
        if self.served:
            await app(scope, receive, unheard.send)
        os.kill(self.victim().pid or 0, signal.SIGKILL)
        # Not is_alive: of two threads that ask how it ended, one is given a status nobody had.
        await asyncio.to_thread(wait, [self.victim().sentinel])


def killed_at(
    place: Faulty,
    request: tuple[str, str],
    entrypoint: str,
    *,
    after: int = 0,
    served: bool = False,
    **parameters: Any,
) -> None:
    """Start a flow run, and kill it at a request to the registry or to the cluster."""
    method, path = request
    victims: list[BaseProcess] = []
    kill = Kill(lambda: victims[0], served)
    place.faults.add(Fault(kill, method, path, after=after))
    victims.append(started(entrypoint, QUICK, **parameters))
    victims[0].join(60)
    assert victims[0].exitcode == -signal.SIGKILL
    place.faults.clear()
