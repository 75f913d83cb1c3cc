"""Paths to operations under /api/v2.0, with go-swagger's 404 and 405."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import JSON, Answer, Refusal

BASE = "/api/v2.0"
Operation = Callable[[Call], Awaitable[Answer]]


class Route(NamedTuple):
    """One operation. `{name}` in the path stands for one segment, still escaped."""

    method: str
    path: str
    run: Operation
    offers: tuple[str, ...] = (JSON,)


class Router:
    """A table of routes, looked up by the number of segments."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._table: dict[int, list[tuple[list[str], dict[str, Route]]]] = {}
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        pattern = route.path.strip("/").split("/")
        rows = self._table.setdefault(len(pattern), [])
        for known, methods in rows:
            if known == pattern:
                methods[route.method] = route
                return
        rows.append((pattern, {route.method: route}))
        # Literal segments win over parameters.
        rows.sort(key=lambda row: [part.startswith("{") for part in row[0]])

    async def answer(self, call: Call) -> Answer:
        """Find the operation and run it."""
        segments = call.path.removeprefix(BASE).strip("/").split("/")
        for pattern, methods in self._table.get(len(segments), ()):
            params = _match(pattern, segments)
            if params is not None:
                return await _run(call, methods, params)
        raise Refusal("NOT_FOUND", f"path {call.path} was not found")


def _match(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    params = {}
    for expected, given in zip(pattern, segments, strict=True):
        if expected[:1] == "{":
            params[expected[1:-1]] = given
        elif expected != given:
            return None
    return params


async def _run(call: Call, methods: dict[str, Route], params: dict[str, str]) -> Answer:
    route = methods.get(call.method)
    if route is None:
        names = ",".join(methods)
        message = f"method {call.method} is not allowed, but [{names}] are"
        raise Refusal("METHOD_NOT_ALLOWED", message)
    validation.acceptable(call, route.offers)
    call.params = params
    return await route.run(call)
