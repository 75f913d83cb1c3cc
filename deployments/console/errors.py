"""Error pages: what failed and what to do; never the details of an unexpected error."""

import logging
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.console.forms import InvalidForm
from deployments.console.rendering import render
from models.core.errors import IntegrationError

_LOGGER = logging.getLogger(__name__)


class PageNotFound(HTTPException):
    """The page is about something that does not exist.

    Args:
        noun: what it is, e.g. `registry`.
        name: the name in the address.
        suggestion: an existing name that is similar; None if there is none.
        suggestion_url: path of the page of the suggestion.
    """

    def __init__(
        self, noun: str, name: str, suggestion: str | None = None, suggestion_url: str = ""
    ) -> None:
        super().__init__(404, f"There is no {noun} named {name!r}.")
        self.suggestion, self.suggestion_url = suggestion, suggestion_url


def _show_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return render(
        request,
        "error.html",
        status=error.status_code,
        title="Not found" if error.status_code == 404 else "The request was not carried out",
        messages=[error.detail],
        suggestion=getattr(error, "suggestion", None),
        suggestion_url=getattr(error, "suggestion_url", ""),
    )


def _show_invalid_form(request: Request, error: Exception) -> Response:
    errors: Mapping[str, str] = error.errors if isinstance(error, InvalidForm) else {}
    messages = [f"{name}: {text}" if name else text for name, text in errors.items()]
    return _error_page(request, 422, "Nothing was started", messages)


def _show_expected_error(request: Request, error: Exception) -> Response:
    return _error_page(request, 503, "The page cannot be shown", [str(error)])


def _error_page(request: Request, status: int, title: str, messages: list[str]) -> Response:
    return render(
        request,
        "error.html",
        status=status,
        title=title,
        messages=messages,
        suggestion=None,
        suggestion_url="",
    )


EXCEPTION_HANDLERS: Mapping[Any, Any] = {
    HTTPException: _show_http_error,
    InvalidForm: _show_invalid_form,
    IntegrationError: _show_expected_error,
}


class UnexpectedErrors:
    """ASGI middleware that answers with an error page, and logs where the error was raised.

    Starlette would do so outside of the middleware, so without the security headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and answer if that fails before a response began."""
        has_begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception as error:
            if has_begun or scope["type"] != "http":
                raise
            response = _show_unexpected_error(Request(scope), error)
            await response(scope, receive, send)


def _show_unexpected_error(request: Request, error: Exception) -> Response:
    # Type and place only: the text of an error could contain a secret.
    frames = traceback.extract_tb(error.__traceback__)
    place = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[:-6:-1])
    name = type(error).__name__
    _LOGGER.error("%s %s: unexpected %s at %s", request.method, request.url.path, name, place)
    message = f"Unexpected {name}: see the log of the console."
    return _error_page(request, 500, "The page cannot be shown", [message])
