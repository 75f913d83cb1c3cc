"""Responses: bodies, headers and Harbor's error envelope."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import orjson

JSON_TYPE = "application/json"
ERROR_JSON_TYPE = "application/json; charset=utf-8"
PLAIN_TYPE = "text/plain; charset=utf-8"
ZERO_TIME = "0001-01-01T00:00:00.000Z"

STATUS_BY_CODE = {
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
class HarborResponse:
    """An HTTP response, before the outer layers add their headers."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)


class HarborError(Exception):
    """An error response with Harbor's error envelope."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.headers: list[tuple[str, str]] = []

    def to_response(self) -> HarborResponse:
        """Return the response; every 5xx gets a generic message, as in Harbor."""
        code, message = self.code, self.message
        if STATUS_BY_CODE[code] >= 500:
            message = "internal server error"
        body = encode_json({"errors": [{"code": code, "message": message}]})
        return HarborResponse(
            STATUS_BY_CODE[code], body + b"\n", ERROR_JSON_TYPE, list(self.headers)
        )


def encode_json(value: object) -> bytes:
    """Return JSON with keys in the given order."""
    return orjson.dumps(value)


def json_response(value: object, *, status: int = 200, newline: bool = True) -> HarborResponse:
    """Return a JSON response with sorted keys, as go-swagger's models do."""
    body = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return HarborResponse(status, body + b"\n" if newline else body, JSON_TYPE)


def list_response(rows: list[bytes], total: int, link: str | None) -> HarborResponse:
    """Return a list response of serialized rows."""
    headers = [("X-Total-Count", str(total))]
    if link:
        headers.append(("Link", link))
    return HarborResponse(200, b"[" + b",".join(rows) + b"]\n", JSON_TYPE, headers)


def created_response(location: str, value: object | None = None) -> HarborResponse:
    """Return a 201 with a Location, with or without a body."""
    answer = HarborResponse(201) if value is None else json_response(value, status=201)
    answer.headers.append(("Location", location))
    return answer


def format_time(moment: datetime) -> str:
    """Return a time as in Harbor's JSON: UTC with milliseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
