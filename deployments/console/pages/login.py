"""Log in and out."""

from datetime import timedelta

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deployments.console.context import console_of, session_of
from deployments.console.forms import text_of
from deployments.console.rendering import login_url, own_path, render
from deployments.console.security.login import check_password, set_session_cookie
from deployments.console.security.proxies import client_address
from deployments.console.security.sessions import COOKIE_NAME, new_session
from tasks import clock


async def show(request: Request) -> Response:
    """Show the login page; who is logged in goes on to the page that was asked for."""
    back = own_path(request.query_params.get("back", ""))
    if session_of(request):
        return RedirectResponse(back, status_code=303)
    return _page(request, back)


async def log_in(request: Request, form: FormData) -> Response:
    """Check the password and start a new session."""
    console, back = console_of(request), own_path(text_of(form, "back"))
    address = client_address(request, console.settings.proxy_networks)
    device = console.devices.read(request)
    wait = console.attempts.retry_after(address, clock.now(), device)
    if wait is not None:
        return _locked_page(request, back, wait)
    password = form.get("password", "")
    user = check_password(console.settings.password, text_of(form, "user"), str(password).strip())
    if user is None:
        console.attempts.record_failure(address, clock.now(), device)
        error = "The user name or the password is wrong."
        return _page(request, back, error, text_of(form, "user"), 401)
    console.attempts.record_success(address, device)
    response = RedirectResponse(back, status_code=303)
    set_session_cookie(response, request, console, new_session(user))
    return response


async def log_out(request: Request, form: FormData) -> Response:
    """End the session in this browser."""
    del form
    response = RedirectResponse(login_url("/"), status_code=303)
    response.delete_cookie(COOKIE_NAME, httponly=True, samesite="lax")
    return response


def _locked_page(request: Request, back: str, wait: timedelta) -> Response:
    seconds = max(int(wait.total_seconds()), 1)
    response = _page(
        request, back, f"Too many failed attempts. Try again in {seconds} seconds.", "", 429
    )
    response.headers["Retry-After"] = str(seconds)
    return response


def _page(
    request: Request, back: str, error: str = "", entered_user: str = "", status: int = 200
) -> Response:
    has_password = bool(console_of(request).settings.password)
    return render(
        request,
        "login.html",
        status=status,
        back=back,
        error=error,
        entered_user=entered_user,
        has_password=has_password,
    )
