"""Routing of operations under /api/v2.0, with go-swagger's 404 and 405."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import JSON_TYPE, HarborError, HarborResponse

BASE_PATH = "/api/v2.0"
Operation = Callable[[HarborRequest], Awaitable[HarborResponse]]


class Route(NamedTuple):
    """One operation. `{name}` in the path stands for one segment, still escaped."""

    method: str
    path: str
    operation: Operation
    content_types: tuple[str, ...] = (JSON_TYPE,)


class Router:
    """A table of routes, indexed by the number of segments."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes_by_length: dict[int, list[tuple[list[str], dict[str, Route]]]] = {}
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        pattern = route.path.strip("/").split("/")
        rows = self._routes_by_length.setdefault(len(pattern), [])
        for existing, methods in rows:
            if existing == pattern:
                methods[route.method] = route
                return
        rows.append((pattern, {route.method: route}))
        # Literal segments take precedence over parameters.
        rows.sort(key=lambda row: [part.startswith("{") for part in row[0]])

    async def respond(self, call: HarborRequest) -> HarborResponse:
        """Find the operation and run it."""
        segments = call.path.removeprefix(BASE_PATH).strip("/").split("/")
        for pattern, methods in self._routes_by_length.get(len(segments), ()):
            params = _match_segments(pattern, segments)
            if params is not None:
                return await _run_operation(call, methods, params)
        raise HarborError("NOT_FOUND", f"path {call.path} was not found")


def _match_segments(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    params = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected[:1] == "{":
            params[expected[1:-1]] = segment
        elif expected != segment:
            return None
    return params


async def _run_operation(
    call: HarborRequest, methods: dict[str, Route], params: dict[str, str]
) -> HarborResponse:
    route = methods.get(call.method)
    if route is None:
        names = ",".join(methods)
        message = f"method {call.method} is not allowed, but [{names}] are"
        raise HarborError("METHOD_NOT_ALLOWED", message)
    validation.check_accept_header(call, route.content_types)
    call.params = params
    return await route.operation(call)
