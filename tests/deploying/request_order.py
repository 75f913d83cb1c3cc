"""Who asks a registry in whose turn: requests of two runs that mingle are two runs at once."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.asgi import request_target
from deployments.simulators.faults import FaultInjector
from deployments.simulators.harbor import SimulatedHarbor
from deployments.simulators.server import run_server
from tests.support.helpers import HarborServer

# What a look lists and what changes are made to. Storage is measured by whoever likes to.
_RECONCILING = re.compile(r"/api/v2\.0/(projects|robots)\b.*")


class LogEntry(NamedTuple):
    """A request, and the connection it came over; one run has one connection at a time."""

    connection: int
    request: str


class RequestLog:
    """An ASGI app that answers as `app` does, and keeps the order in which it was asked."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.entries: list[LogEntry] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            request = f"{scope['method']} {request_target(scope)}"
            self.entries.append(LogEntry(scope["client"][1], request))
        await self._app(scope, receive, send)

    @property
    def reconcile_runs(self) -> list[int]:
        """The connections of runs that reconciled, in the order of their first requests."""
        connections = {
            entry.connection
            for entry in self.entries
            if _RECONCILING.fullmatch(entry.request.partition(" ")[2])
        }
        groups = groupby(
            entry.connection for entry in self.entries if entry.connection in connections
        )
        return [connection for connection, _ in groups]

    @property
    def interruptions(self) -> int:
        """How often a run was asking while another one was not yet done."""
        return len(self.reconcile_runs) - len(set(self.reconcile_runs))


@contextmanager
def harbor_with_log(*spaces: str) -> Iterator[tuple[HarborServer, RequestLog]]:
    """A Harbor with these projects, and who asked it in whose turn."""
    harbor = SimulatedHarbor()
    for space in spaces:
        harbor.add_project(space, repositories=["app"])
    faults = FaultInjector(harbor.app)
    request_log = RequestLog(faults)
    with run_server(request_log) as url:
        harbor.external_url = url
        yield HarborServer(harbor, faults, url), request_log
