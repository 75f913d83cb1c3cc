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
    ServerBroken,
    Throttled,
    TimedOut,
    Unauthorized,
)
from tasks.http.api_model import LONGEST_ERROR, ApiModel, check_values
from tasks.http.response import Answer

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
_READ_ONLY = "read only mode"


class Wire(ApiModel):
    """A part of a registry's answer."""


class _Fault(Wire):
    code: str = ""
    message: str = ""


class _Faults(Wire):
    errors: tuple[_Fault, ...] = ()


def expect(registry: str, answer: Answer, *statuses: int) -> Answer:
    """Return the answer if its status is one of `statuses` (200 if none is named).

    Raises:
        RegistryError: the error that this status means.
    """
    if answer.status in (statuses or (200,)):
        return answer
    raise error_of(registry, answer)


def error_of(registry: str, answer: Answer) -> RegistryError:
    """Return the error that an answer means; its text is what the registry said, shortened."""
    kind = _BY_STATUS.get(answer.status) or _by_class(answer.status)
    said = f"answered {answer.status}{_quoted(answer)}"
    if kind is Forbidden and _READ_ONLY in said:
        kind = ReadOnly
    return kind(registry, answer.method, answer.url, said, None, answer.retry_after)


def _by_class(status: int) -> type[RegistryError]:
    if status < 400:
        return Redirected if status >= 300 else ServerBroken
    return ServerBroken if status >= 500 else Rejected


def _quoted(answer: Answer) -> str:
    """Quote an error envelope's message; any other body may be a page, and says nothing."""
    try:
        faults = _Faults.model_validate_json(answer.body[:LONGEST_ERROR]).errors
    except ValidationError:
        return "" if "html" not in answer.headers.get("content-type", "") else " with a web page"
    text = "; ".join(f"{fault.code}: {fault.message}".strip(": ") for fault in faults)
    text = " ".join(text.split())[:300]
    return f" ({text})" if text else ""


def parse(registry: str, answer: Answer, shape: TypeAdapter[T]) -> T:
    """Read a JSON body.

    Raises:
        ServerBroken: it is not JSON, is cut off, or has another shape than documented.
    """
    try:
        check_values(answer.body)
        return shape.validate_json(answer.body)
    except ValueError as error:
        said = f"answered {answer.status} with an unreadable body: {_first_of(error)}"
        raise ServerBroken(registry, answer.method, answer.url, said) from None


def _first_of(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(step) for step in first["loc"])[:100] or "the body"
    return f"{where}: {first['msg']}"


def is_web_page(answer: Answer) -> bool:
    """Whether an answer is made for a browser, not for an API client."""
    return "text/html" in answer.headers.get("content-type", "")
