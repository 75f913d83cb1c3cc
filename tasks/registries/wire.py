"""Wire knowledge that all registries share, without I/O: an answer in, a value or an error out."""

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from models.core.errors import (
    Conflict,
    Forbidden,
    NotFound,
    ReadOnly,
    Redirected,
    RegistryError,
    Rejected,
    ServerError,
    Throttled,
    TimedOut,
    Unauthorized,
)
from tasks.http.api_model import MAX_ERROR_LENGTH, ApiModel, check_values
from tasks.http.response import Response

T = TypeVar("T")

_BY_STATUS: dict[int, type[RegistryError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: TimedOut,
    409: Conflict,
    412: Conflict,
    429: Throttled,
    504: TimedOut,
}
_READ_ONLY_TEXT = "read only mode"


class RegistryModel(ApiModel):
    """A part of a registry's answer."""


class _ErrorItem(RegistryModel):
    code: str = ""
    message: str = ""


class _ErrorEnvelope(RegistryModel):
    errors: tuple[_ErrorItem, ...] = ()


def raise_for_status(registry: str, response: Response, *statuses: int) -> Response:
    """Return the answer if its status is one of `statuses` (200 if none is named).

    Raises:
        RegistryError: the error that this status means.
    """
    if response.status in (statuses or (200,)):
        return response
    raise error_from_response(registry, response)


def error_from_response(registry: str, response: Response) -> RegistryError:
    """Return the error that an answer means; its text is what the registry said, shortened."""
    kind = _BY_STATUS.get(response.status) or _error_class(response.status)
    message = f"answered {response.status}{_error_message(response)}"
    if kind is Forbidden and _READ_ONLY_TEXT in message:
        kind = ReadOnly
    return kind(registry, response.method, response.url, message, None, response.retry_after)


def _error_class(status: int) -> type[RegistryError]:
    if status < 400:
        return Redirected if status >= 300 else ServerError
    return ServerError if status >= 500 else Rejected


def _error_message(response: Response) -> str:
    """Quote an error envelope's message; any other body may be a page, and says nothing."""
    try:
        errors = _ErrorEnvelope.model_validate_json(response.body[:MAX_ERROR_LENGTH]).errors
    except ValidationError:
        return "" if "html" not in response.headers.get("content-type", "") else " with a web page"
    text = "; ".join(f"{error.code}: {error.message}".strip(": ") for error in errors)
    text = " ".join(text.split())[:300]
    return f" ({text})" if text else ""


def parse_json(registry: str, response: Response, shape: TypeAdapter[T]) -> T:
    """Read a JSON body.

    Raises:
        ServerBroken: it is not JSON, is cut off, or has another shape than documented.
    """
    try:
        check_values(response.body)
        return shape.validate_json(response.body)
    except ValueError as error:
        message = f"answered {response.status} with an unreadable body: {_first_error(error)}"
        raise ServerError(registry, response.method, response.url, message) from None


def _first_error(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    location = ".".join(str(step) for step in first["loc"])[:100] or "the body"
    return f"{location}: {first['msg']}"


def is_web_page(response: Response) -> bool:
    """Whether an answer is made for a browser, not for an API client."""
    return "text/html" in response.headers.get("content-type", "")
