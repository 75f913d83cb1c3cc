"""CSRF protection: a request with the session cookie must also have the token."""

from __future__ import annotations

import base64
import secrets
from http.cookies import CookieError, SimpleCookie

from deployments.simulators.harbor.log import SAFE_METHODS
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import HarborError, HarborResponse

GUARDED_PREFIXES = ("/api/", "/v2", "/service/")
COOKIE_NAME = "_gorilla_csrf"


class CsrfGuard:
    """CSRF check of one request."""

    def __init__(self, call: HarborRequest) -> None:
        self._call = call
        cookies = _parse_cookies(call.headers.get("cookie", ""))
        self.has_session = "sid" in cookies
        self._token = cookies.get(COOKIE_NAME)
        # Clients without the cookie are not checked; portal pages always are.
        self._is_guarded = self.has_session or not call.path.startswith(GUARDED_PREFIXES)
        self._is_refused = False

    def check(self) -> HarborResponse | None:
        """Return a 403 for a modifying request without the token; otherwise None."""
        if not self._is_guarded or self._call.method in SAFE_METHODS:
            return None
        token = self._call.headers.get("x-harbor-csrf-token")
        if token and token == self._token:
            return None
        self._is_refused = True
        message = "CSRF token invalid" if token else "CSRF token not found in request"
        return HarborError("FORBIDDEN", message).to_response()

    def headers(self) -> list[tuple[str, str]]:
        """Return the header with the token for the next request."""
        if not self._is_guarded:
            return []
        token = self._token or base64.b64encode(secrets.token_bytes(64)).decode()
        cookie = f"{COOKIE_NAME}={token}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"
        headers = [("X-Harbor-Csrf-Token", token), ("Set-Cookie", cookie)]
        return headers if self._is_refused else [*headers, ("Vary", "Cookie")]


def _parse_cookies(header: str) -> dict[str, str]:
    try:
        return {key: morsel.value for key, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
