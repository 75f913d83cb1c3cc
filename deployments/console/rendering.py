"""Render templates: text is always escaped, and a missing value is an error."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from deployments.console.context import console_of, session_of
from deployments.console.filters import FILTERS
from tasks import clock

_TEMPLATES_DIR = Path(__file__).parent / "templates"
HOME = "/"
FORMER_FORM = "new"
"""Links to `/registries/new` lead to the form, which is at `-/new`, unless this is a name."""


def make_environment() -> Environment:
    """Return the template environment."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals.update(url=url)
    return environment


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:  # noqa: ANN401
    """Return a page.

    Besides `values`, templates get `request`, `user` (None without a login), `csrf_token`, `now`,
    `prefect_url`, `silence` (None without a login), and `query(name=value, …)`: the address of this
    page with other query parameters.
    """
    console, session = console_of(request), session_of(request)
    html = console.templates.get_template(template).render(
        request=request,
        user=session.user if session else None,
        csrf_token=console.cookies.csrf_token(session) if session else "",
        now=clock.now(),
        prefect_url=console.settings.prefect_url,
        silence=getattr(request.state, "silence", None),
        query=lambda **changes: with_query(request, changes),
        **values,
    )
    return HTMLResponse(html, status_code=status)


def url(*segments: str, **query: str) -> str:
    """Return a path of the console: each segment is quoted, so a name cannot leave its place.

    `url("registries", name, back="/")` is `/registries/NAME?back=%2F`.
    """
    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    return f"{path}?{urlencode(query)}" if query else path


def with_query(request: Request, changes: Mapping[str, object]) -> str:
    """Return the address of this page with other query parameters; None or "" removes one."""
    query = {name: value for name, value in request.query_params.items() if name not in changes}
    query |= {name: str(value) for name, value in changes.items() if value not in (None, "")}
    return f"{request.url.path}?{urlencode(query)}" if query else request.url.path


def own_path(path: str) -> str:
    r"""Return a path of this console, or `/` for anything else.

    A browser takes `//host` and `/\host` for another site.
    """
    is_own = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_own and path.isprintable() else HOME


def login_url(back: str) -> str:
    """Return the address of the login page that leads back to `back`."""
    back = own_path(back)
    return url("login") if back == HOME else url("login", back=back)
