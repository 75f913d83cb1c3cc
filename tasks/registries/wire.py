"""Response parsing that all kinds of registry share, without I/O."""

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from models.core.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
    RemoteError,
    ServerError,
    Unauthorized,
)
from models.core.reasons import Reason
from models.core.text import shorten
from tasks.http.api_model import MAX_ERROR_LENGTH, ApiModel, check_values
from tasks.http.response import Response
from tasks.http.tls import CERTIFICATE_REFUSED, CERTIFICATE_REQUIRED

T = TypeVar("T")

_CLASSES: dict[int, type[RemoteError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: RemoteError,
    409: Conflict,
    412: Conflict,
    429: RemoteError,
    504: RemoteError,
}
_REASONS = {408: Reason.TIMED_OUT, 429: Reason.THROTTLED, 504: Reason.TIMED_OUT}
_READ_ONLY_TEXT = "read only mode"


class RegistryModel(ApiModel):
    """A part of a registry's response."""


class _ErrorItem(RegistryModel):
    code: str = ""
    message: str = ""


class _ErrorEnvelope(RegistryModel):
    errors: tuple[_ErrorItem, ...] = ()


def raise_for_status(response: Response, *statuses: int) -> Response:
    """Return the response if its status is one of `statuses` (default: 200).

    Raises:
        RemoteError: the status differs; the class depends on the status.
    """
    if response.status in (statuses or (200,)):
        return response
    raise error_from_response(response)


def error_from_response(response: Response) -> RemoteError:
    """Return the error for a response; its message quotes the error body, truncated."""
    error_class = _CLASSES.get(response.status) or _error_class(response.status)
    message = f"answered {response.status}{_error_message(response)}"
    reason = _REASONS.get(response.status)
    if error_class is Forbidden and _READ_ONLY_TEXT in message:  # the credential lacks no right
        error_class, reason = RemoteError, Reason.READ_ONLY
    if 300 <= response.status < 400:
        reason = Reason.REDIRECTED
    return error_class(
        response.target,
        response.method,
        response.url,
        message,
        reason,
        status=response.status,
        retry_after=response.retry_after,
    )


def _error_class(status: int) -> type[RemoteError]:
    if 300 <= status < 400:
        return RemoteError
    return ServerError if status < 300 or status >= 500 else Rejected


def _error_message(response: Response) -> str:
    # Only an error envelope is quoted: any other body may be the web page of a proxy.
    try:
        errors = _ErrorEnvelope.model_validate_json(response.body[:MAX_ERROR_LENGTH]).errors
    except ValidationError:
        return "" if "html" not in response.headers.get("content-type", "") else " with a web page"
    text = "; ".join(f"{error.code}: {error.message}".strip(": ") for error in errors)
    text = shorten(" ".join(text.split()), 300)
    return f" ({text})" if text else ""


def parse_json(response: Response, shape: TypeAdapter[T]) -> T:
    """Parse a JSON body.

    Args:
        response: the response.
        shape: type adapter of the documented type.

    Raises:
        ServerError: the body is not JSON, is truncated, or has another type than documented.
    """
    try:
        check_values(response.body)
        return shape.validate_json(response.body)
    except ValueError as error:
        message = f"answered {response.status} with an invalid body: {_first_error(error)}"
        raise ServerError(response.target, response.method, response.url, message) from None


def _first_error(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    location = ".".join(str(step) for step in first["loc"])[:100] or "the body"
    return f"{location}: {first['msg']}"


def is_web_page(response: Response) -> bool:
    """Return whether a response is HTML, which an API does not return."""
    return "text/html" in response.headers.get("content-type", "")


_BAD_REQUESTS = {
    b"client sent an http request to an https server": Reason.TLS_MISSING,  # Go
    b"plain http request was sent to https port": Reason.TLS_MISSING,  # nginx
    b"speaking plain http to an ssl-enabled server": Reason.TLS_MISSING,  # Apache
    b"no required ssl certificate was sent": Reason.CLIENT_CERTIFICATE_REQUIRED,  # nginx
    b"the ssl certificate error": Reason.CLIENT_CERTIFICATE_REFUSED,  # nginx
}
_FAILURES = {
    Reason.TLS_MISSING: ("the server expects TLS on this port", "use an address with https://"),
    Reason.CLIENT_CERTIFICATE_REQUIRED: CERTIFICATE_REQUIRED[1:],
    Reason.CLIENT_CERTIFICATE_REFUSED: CERTIFICATE_REFUSED[1:],
}


def describe_bad_request(response: Response) -> tuple[Reason, str, str] | None:
    """Return reason, message and advice if a 400 tells that the connection is the wrong one."""
    if response.status != 400:
        return None
    body = response.body[:MAX_ERROR_LENGTH].lower()
    reason = next((reason for text, reason in _BAD_REQUESTS.items() if text in body), None)
    return (reason, *_FAILURES[reason]) if reason else None
