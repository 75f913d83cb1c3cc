"""The application: layers and routes of Harbor, put together.

From the outside in: request log and query check, session, authentication, read-only mode, routes.
"""

from __future__ import annotations

from starlette.responses import HTMLResponse
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.asgi import report_status
from deployments.simulators.harbor import identity
from deployments.simulators.harbor.api import (
    project_writes,
    projects,
    quotas,
    repositories,
    robot_writes,
    robots,
    system,
)
from deployments.simulators.harbor.distribution import registry, token_service
from deployments.simulators.harbor.state.core import HarborCore
from deployments.simulators.harbor.state.errors import HarborError
from deployments.simulators.harbor.state.log import HarborRequestRecord
from deployments.simulators.harbor.web.request import API_PREFIX, HarborRequest
from deployments.simulators.harbor.web.responses import error_response
from deployments.simulators.harbor.web.session import SessionLayer

READ_ONLY = "The system is in read only mode. Any modification is prohibited."
PORTAL_PAGE = "<!DOCTYPE html>\n<html><head><title>Harbor</title></head><body></body></html>\n"
NOT_FOUND_PAGE = (
    "<!DOCTYPE HTML>\n<html>\n<head>\n<title>404 - Page Not Found</title>\n</head>\n"
    "<body>404 Page Not Found</body>\n</html>\n"
)


BAD_GATEWAY_PAGE = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>\r\n"
)
"""The answer of Harbor's nginx to every request while core is gone."""


class HarborApp:
    """Serves one simulated Harbor, and logs its requests."""

    def __init__(self, harbor: HarborCore) -> None:
        self._harbor = harbor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        inner = dict(scope)
        request = HarborRequest(inner, receive, self._harbor)

        def log(status: int) -> None:
            credentials = identity.basic_credentials(request.headers.get("authorization", ""))
            user = credentials[0] if credentials else request.caller.name or None
            record = HarborRequestRecord(request.method, request.path, status, user)
            self._harbor.requests.append(record)

        app: ASGIApp = _LAYERS if self._harbor.core_up else _BAD_GATEWAY
        if b";" in scope["query_string"]:
            app = error_response(HarborError("BAD_REQUEST", "invalid semicolon separator in query"))
        await app(inner, receive, report_status(send, log))


class SecurityLayer:
    """Middleware: authenticates the caller, and writes the errors of operations."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = HarborRequest.of(scope)
        try:
            request.caller = await identity.authenticate_caller(request)
            if request.harbor.settings.read_only and request.is_write:
                raise HarborError("DENIED", READ_ONLY)
            await self._app(scope, receive, send)
        except HarborError as error:
            if error.code == "UNPROCESSABLE_ENTITY" and request.caller.is_anonymous:
                error.headers["www-authenticate"] = 'Basic realm="API"'
            await error_response(error)(scope, receive, send)


async def _handle_unknown_path(scope: Scope, receive: Receive, send: Send) -> None:
    path = HarborRequest.of(scope).path
    if path.startswith(API_PREFIX):
        raise HarborError("NOT_FOUND", f"path {path} was not found")
    if path.startswith("/v2/"):
        raise HarborError("NOT_FOUND", "page not found")
    page = HTMLResponse(PORTAL_PAGE) if path == "/" else HTMLResponse(NOT_FOUND_PAGE, 404)
    await page(scope, receive, send)


_ROUTER = Router(
    [
        *projects.ROUTES,
        *project_writes.ROUTES,
        *robots.ROUTES,
        *robot_writes.ROUTES,
        *system.ROUTES,
        *quotas.ROUTES,
        *repositories.ROUTES,
        *token_service.ROUTES,
        *registry.ROUTES,
    ],
    redirect_slashes=False,
    default=_handle_unknown_path,
)
_BAD_GATEWAY = HTMLResponse(BAD_GATEWAY_PAGE, 502, {"server": "nginx"})
_LAYERS = SessionLayer(SecurityLayer(_ROUTER))
