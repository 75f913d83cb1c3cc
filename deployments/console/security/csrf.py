"""Reject forms that do not come from a page of this console."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route

from deployments.console.context import console_of, session_of

FIELD = "csrf_token"
_MAX_BODY_BYTES = 4_000_000
_MAX_FIELDS = 12_000
"""A form can select 10,000 spaces."""

_MAX_LOGIN_BYTES = 16_000
_MAX_LOGIN_FIELDS = 10
"""The login is the only form that nobody needs a session for."""

_MEDIA_TYPE = "application/x-www-form-urlencoded"

FormEndpoint = Callable[[Request, FormData], Awaitable[Response]]


def form_route(path: str, endpoint: FormEndpoint, *, needs_token: bool = True) -> Route:
    """Return the route of a form: the endpoint gets the form only after the form was checked.

    The browser must say that the form comes from this console, and the form must have the token of
    its session.

    Args:
        path: path of the route.
        endpoint: handles the form.
        needs_token: False only for the login, which has no session yet.
    """

    max_bytes = _MAX_BODY_BYTES if needs_token else _MAX_LOGIN_BYTES
    max_fields = _MAX_FIELDS if needs_token else _MAX_LOGIN_FIELDS

    async def submit(request: Request) -> Response:
        if not is_same_origin(request):
            raise HTTPException(403, "the form comes from another site: nothing was changed")
        _check_media_type(request)
        form = await request.form(max_files=0, max_fields=max_fields)
        session, token = session_of(request), form.get(FIELD, "")
        if needs_token and not (
            session and console_of(request).cookies.is_csrf_token(session, str(token))
        ):
            raise HTTPException(403, "the form is outdated: load the page again, nothing changed")
        return await endpoint(request, form)

    return Route(path, submit, methods=["POST"], max_body_size=max_bytes)


def _check_media_type(request: Request) -> None:
    # The browser's pages send no other type. A multipart body chooses the codec of its fields, and
    # `charset=punycode` needs 18 seconds for 500 kB.
    media_type = request.headers.get("content-type", _MEDIA_TYPE).partition(";")[0]
    if media_type.strip().lower() != _MEDIA_TYPE:
        raise HTTPException(415, f"the form is not of the type {_MEDIA_TYPE}: nothing was changed")


def is_same_origin(connection: HTTPConnection) -> bool:
    """Return whether the browser says that a form comes from a page of this console.

    `Sec-Fetch-Site` decides where the browser sends it (https and localhost), else `Origin`. A form
    with neither is rejected: every browser of today sends one
    (https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html).
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin, host = connection.headers.get("origin", ""), connection.headers.get("host", "")
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
