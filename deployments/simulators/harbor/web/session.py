"""The outer layers of Harbor: request id, session, CSRF protection and database transaction.

They add their headers to the responses of all layers inside.
"""

from __future__ import annotations

import base64
import secrets
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.simulators.harbor.state.errors import HarborError
from deployments.simulators.harbor.web.request import API_PREFIX, HarborRequest
from deployments.simulators.harbor.web.responses import error_response

SESSION_COOKIE = "sid"
CSRF_COOKIE = "_gorilla_csrf"

_UNGUARDED_PREFIXES = ("/api/", "/v2", "/service/")

HeaderPairs = list[tuple[str, str]]


class SessionLayer:
    """Middleware: refuses what has no CSRF token, and adds cookies and the request id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = HarborRequest.of(scope)
        guard, is_api = CsrfGuard(request), request.path.startswith(API_PREFIX)
        headers, read_only = guard.headers(), request.harbor.settings.read_only
        # The transaction opens before the session is written, so this 500 sets no cookie.
        if not request.harbor.database_up and request.is_write and is_api:
            app: ASGIApp = error_response(HarborError("UNKNOWN"))
        else:
            app = self._app if guard.refusal is None else error_response(guard.refusal)
            # The session is not written either if read-only mode rejects a request.
            if not guard.has_session and not (read_only and request.is_write):
                headers.append(("set-cookie", _session_cookie(request)))
        headers.append(("x-request-id", request.headers.get("x-request-id") or str(uuid.uuid4())))
        raw_headers = [(name.encode(), value.encode("latin-1")) for name, value in headers]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *raw_headers]}
            await send(message)

        await app(scope, receive, send_with_headers)


class CsrfGuard:
    """The CSRF check of one request: one with the session cookie must also have the token.

    Attributes:
        has_session: whether the request has the session cookie.
        refusal: the error for a modifying request without the token.
    """

    def __init__(self, request: HarborRequest) -> None:
        self.has_session = SESSION_COOKIE in request.cookies
        self._token = request.cookies.get(CSRF_COOKIE)
        # Clients without the cookie are not checked; portal pages always are.
        self._is_guarded = self.has_session or not request.path.startswith(_UNGUARDED_PREFIXES)
        self.refusal = self._check(request)

    def _check(self, request: HarborRequest) -> HarborError | None:
        if not self._is_guarded or not request.is_write:
            return None
        token = request.headers.get("x-harbor-csrf-token")
        if token and token == self._token:
            return None
        message = "CSRF token invalid" if token else "CSRF token not found in request"
        return HarborError("FORBIDDEN", message)

    def headers(self) -> HeaderPairs:
        """Return the headers with the token for the next request."""
        if not self._is_guarded:
            return []
        token = self._token or base64.b64encode(secrets.token_bytes(64)).decode()
        cookie = f"{CSRF_COOKIE}={token}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"
        headers = [("x-harbor-csrf-token", token), ("set-cookie", cookie)]
        return headers if self.refusal is not None else [*headers, ("vary", "Cookie")]


def _session_cookie(request: HarborRequest) -> str:
    secure = "; Secure" if request.harbor.external_url.startswith("https:") else ""
    return f"{SESSION_COOKIE}={secrets.token_hex(16)}; Path=/; HttpOnly{secure}"
