"""What the simulator answers: bodies, headers and Harbor's error envelope."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import orjson

JSON = "application/json"
ERROR_JSON = "application/json; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
ZERO_TIME = "0001-01-01T00:00:00.000Z"

STATUS_OF = {
    "BAD_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "DENIED": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "CONFLICT": 409,
    "PRECONDITION": 412,
    "UNPROCESSABLE_ENTITY": 422,
    "UNKNOWN": 500,
}


@dataclass(slots=True)
class Answer:
    """One HTTP answer, before the outer layers add their headers."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)


class Refusal(Exception):
    """An operation's way to answer with Harbor's error envelope."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.headers: list[tuple[str, str]] = []

    def answer(self) -> Answer:
        """Render the envelope; every 5xx is flattened, as Harbor does."""
        code, message = self.code, self.message
        if STATUS_OF[code] >= 500:
            message = "internal server error"
        body = encode({"errors": [{"code": code, "message": message}]})
        return Answer(STATUS_OF[code], body + b"\n", ERROR_JSON, list(self.headers))


def encode(value: object) -> bytes:
    """Serialise in the given key order."""
    return orjson.dumps(value)


def json_answer(value: object, *, status: int = 200, newline: bool = True) -> Answer:
    """A JSON answer with sorted keys, as go-swagger's generated models give."""
    body = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return Answer(status, body + b"\n" if newline else body, JSON)


def page_answer(rows: list[bytes], total: int, link: str | None) -> Answer:
    """A list answer from rows already serialised."""
    headers = [("X-Total-Count", str(total))]
    if link:
        headers.append(("Link", link))
    return Answer(200, b"[" + b",".join(rows) + b"]\n", JSON, headers)


def created(location: str, value: object | None = None) -> Answer:
    """201 with a Location, with or without a body."""
    answer = Answer(201) if value is None else json_answer(value, status=201)
    answer.headers.append(("Location", location))
    return answer


def timestamp(moment: datetime) -> str:
    """UTC with three digits, the form of every time in Harbor's JSON."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
