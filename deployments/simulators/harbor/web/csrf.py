"""The CSRF guard: whoever sends the session cookie must also send the token."""

from __future__ import annotations

import base64
import secrets
from http.cookies import CookieError, SimpleCookie

from deployments.simulators.harbor.log import SAFE
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import Answer, Refusal

GUARDED = ("/api/", "/v2", "/service/")
COOKIE = "_gorilla_csrf"


class Guard:
    """What the CSRF layer thinks of one request."""

    def __init__(self, call: Call) -> None:
        self._call = call
        cookies = _cookies(call.headers.get("cookie", ""))
        self.session = "sid" in cookies
        self._known = cookies.get(COOKIE)
        # Machines without the cookie are left alone; portal pages are always guarded.
        self._applies = self.session or not call.path.startswith(GUARDED)
        self._refused = False

    def refusal(self) -> Answer | None:
        """403 for a write without the token."""
        if not self._applies or self._call.method in SAFE:
            return None
        token = self._call.headers.get("x-harbor-csrf-token")
        if token and token == self._known:
            return None
        self._refused = True
        message = "CSRF token invalid" if token else "CSRF token not found in request"
        return Refusal("FORBIDDEN", message).answer()

    def headers(self) -> list[tuple[str, str]]:
        """The token for the next request, handed out on every guarded answer."""
        if not self._applies:
            return []
        token = self._known or base64.b64encode(secrets.token_bytes(64)).decode()
        cookie = f"{COOKIE}={token}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"
        given = [("X-Harbor-Csrf-Token", token), ("Set-Cookie", cookie)]
        return given if self._refused else [*given, ("Vary", "Cookie")]


def _cookies(header: str) -> dict[str, str]:
    try:
        return {key: morsel.value for key, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
