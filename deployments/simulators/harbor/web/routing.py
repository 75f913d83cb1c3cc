"""Routes of operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from deployments.simulators.harbor.web.request import API_PREFIX, HarborRequest
from deployments.simulators.harbor.web.validation import check_accept_header

Operation = Callable[[HarborRequest], Awaitable[Response]]


class OperationEndpoint:
    """The ASGI endpoint of an operation, which gets the request as a `HarborRequest`."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the operation and send its response."""
        response = await self._operation(HarborRequest.of(scope))
        await response(scope, receive, send)


def route(method: str, path: str, operation: Operation) -> Route:
    """Return the route of an operation. `{name}` in the path stands for one segment."""
    return Route(path, OperationEndpoint(operation), methods=[method])


def api_route(method: str, path: str, operation: Operation) -> Route:
    """Return the route of an operation under /api/v2.0, which checks the Accept header first."""

    async def run(request: HarborRequest) -> Response:
        check_accept_header(request)
        return await operation(request)

    return route(method, API_PREFIX + path, run)
