"""Who asks a registry in whose turn: requests of two runs that mingle are two runs at once."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import NamedTuple

from deployments.simulators.asgi import App, Receive, Scope, Send, target
from deployments.simulators.faults import Faults
from deployments.simulators.harbor import Harbor
from deployments.simulators.server import running
from tests.support.helpers import Place

# What a look lists and what changes are made to. Storage is measured by whoever likes to.
_RECONCILING = re.compile(r"/api/v2\.0/(projects|robots)\b.*")


class Heard(NamedTuple):
    """A request, and the connection it came over; one run has one connection at a time."""

    connection: int
    request: str


class Turns:
    """An ASGI app that answers as `app` does, and keeps the order in which it was asked."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.heard: list[Heard] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            asked = f"{scope['method']} {target(scope)}"
            self.heard.append(Heard(scope["client"][1], asked))
        await self._app(scope, receive, send)

    @property
    def looks(self) -> list[int]:
        """The connections of runs that reconciled, in the order of their first requests."""
        reconciling = {
            one.connection
            for one in self.heard
            if _RECONCILING.fullmatch(one.request.partition(" ")[2])
        }
        turns = groupby(one.connection for one in self.heard if one.connection in reconciling)
        return [connection for connection, _ in turns]

    @property
    def interrupted(self) -> int:
        """How often a run was asking while another one was not yet done."""
        return len(self.looks) - len(set(self.looks))


@contextmanager
def heard_harbor(*spaces: str) -> Iterator[tuple[Place, Turns]]:
    """A Harbor with these projects, and who asked it in whose turn."""
    harbor = Harbor()
    for space in spaces:
        harbor.add_project(space, repositories=["app"])
    faults = Faults(harbor.app)
    turns = Turns(faults)
    with running(turns) as url:
        harbor.external_url = url
        yield Place(harbor, faults, url), turns
