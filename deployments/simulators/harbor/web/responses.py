"""Responses: JSON as Harbor writes it, and its error envelope."""

from __future__ import annotations

from datetime import datetime

import orjson
from starlette.responses import JSONResponse, Response

from deployments.simulators.harbor.state.errors import HarborError

ERROR_JSON_TYPE = "application/json; charset=utf-8"
ZERO_TIME = "0001-01-01T00:00:00.000Z"


class SortedJson(JSONResponse):
    """JSON with sorted keys and a newline at the end, as go-swagger's models write it."""

    def render(self, content: object) -> bytes:
        """Return the body."""
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


class ListResponse(Response):
    """A page of a list, of serialized rows."""

    media_type = "application/json"

    def __init__(self, rows: list[bytes], total: int, link: str | None) -> None:
        headers = {"x-total-count": str(total)} | ({"link": link} if link else {})
        super().__init__(b"[" + b",".join(rows) + b"]\n", headers=headers)


def error_response(error: HarborError) -> Response:
    """Return an error; every 5xx gets a generic message, as in Harbor."""
    message = "internal server error" if error.status >= 500 else error.message
    body = encode_json({"errors": [{"code": error.code, "message": message}]}) + b"\n"
    return Response(body, error.status, error.headers, ERROR_JSON_TYPE)


def encode_json(value: object) -> bytes:
    """Return JSON with keys in the given order."""
    return orjson.dumps(value)


def format_time(moment: datetime) -> str:
    """Return a time as in Harbor's JSON: UTC with milliseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
