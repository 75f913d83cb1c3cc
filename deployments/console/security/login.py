"""Who sends a request, and the check of a password."""

import hmac

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.console.context import Console, console_of
from deployments.console.rendering import login_url
from deployments.console.security.proxies import host_name, is_https, proxy_user
from deployments.console.security.sessions import COOKIE_NAME, Session, User

PUBLIC_PATHS = frozenset({"/login", "/healthz", "/readyz", "/metrics"})
_STATIC_PREFIX = "/static/"


class RequireUser:
    """ASGI middleware: only a known user reaches the pages; others are sent to the login page.

    The session is in `request.state.session`, or None on a public page without a login.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its session, or answer with a redirect or 401."""
        if scope["type"] != "http":
            return
        connection = HTTPConnection(scope)
        session = find_session(connection, console_of(connection))
        scope.setdefault("state", {})["session"] = session
        path = str(scope["path"])
        if session or path in PUBLIC_PATHS or path.startswith(_STATIC_PREFIX):
            await self.app(scope, receive, send)
        else:
            await _refuse(scope["method"], connection)(scope, receive, send)


def _refuse(method: str, connection: HTTPConnection) -> Response:
    if method in ("GET", "HEAD"):
        path = connection.url.path + (f"?{connection.url.query}" if connection.url.query else "")
        return RedirectResponse(login_url(path), status_code=303)
    message = "Your session has ended; nothing was changed. Log in, and send the form again.\n"
    return Response(message, status_code=401, media_type="text/plain")


def find_session(connection: HTTPConnection, console: Console) -> Session | None:
    """Return the session of a request: the user of a trusted proxy, or that of the cookie."""
    settings = console.settings
    user = proxy_user(connection, settings.user_header, settings.proxy_networks)
    if user and host_name(connection) in settings.host_names:
        return Session(id=f"proxy:{user}", user=User(name=user))
    return console.cookies.read(connection.cookies.get(COOKIE_NAME, ""))


def check_password(expected: str, user: str, password: str) -> User | None:
    """Return the user if the password is correct: as `user:password`, or as two fields.

    Args:
        expected: the line `user:password`; nobody can log in without both parts.
        user: what was entered as user name; may be empty if the password field has the whole line.
        password: what was entered as password.
    """
    is_set = all(expected.partition(":"))
    pair = hmac.compare_digest(f"{user}:{password}".encode(), expected.encode())
    line = hmac.compare_digest(password.encode(), expected.encode())
    return User(name=expected.partition(":")[0]) if is_set and (pair or line) else None


def set_session_cookie(
    response: Response, connection: HTTPConnection, console: Console, session: Session
) -> None:
    """Give the browser a session, and an id that outlasts it."""
    settings = console.settings
    secure = settings.secure_cookie or is_https(connection, settings.proxy_networks)
    response.set_cookie(
        COOKIE_NAME,
        console.cookies.sign(session),
        max_age=int(console.cookies.max_age.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    console.devices.set(response, secure=secure)
