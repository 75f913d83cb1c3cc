"""Responses of docker-registry 2.8.2 (Debian), word for word, as observed on the real one.

`tests/simulators/test_docker_registry.py` sends the same requests to both.
"""

import json
from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

VERSION_HEADERS = {"docker-distribution-api-version": "registry/2.0"}
JSON_TYPE = "application/json; charset=utf-8"

# https://distribution.github.io/distribution/spec/api/#errors-2
ERRORS: Mapping[str, tuple[int, str]] = {
    "DENIED": (403, "requested access to the resource is denied"),
    "MANIFEST_INVALID": (400, "manifest invalid"),
    "MANIFEST_UNKNOWN": (404, "manifest unknown"),
    "NAME_UNKNOWN": (404, "repository name not known to registry"),
    "PAGINATION_NUMBER_INVALID": (400, "invalid number of results requested"),
    "UNAUTHORIZED": (401, "authentication required"),
    "UNSUPPORTED": (405, "The operation is unsupported."),
}

NO_DETAIL = object()
"""No `detail` key at all; None is written as `"detail":null`."""


class ErrorResponse(Exception):
    """An error response of the registry."""

    def __init__(
        self, code: str, detail: object = NO_DETAIL, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        status, message = ERRORS[code]
        error: dict[str, object] = {"code": code, "message": message}
        if detail is not NO_DETAIL:
            error["detail"] = detail
        self.response = GoJson({"errors": [error]}, status, headers)


class GoJson(JSONResponse):
    """JSON as Go's encoder writes it: compact, with a newline at the end."""

    media_type = JSON_TYPE

    def __init__(
        self, content: object, status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(content, status_code, {**VERSION_HEADERS, **(headers or {})})

    def render(self, content: object) -> bytes:
        """Return the body."""
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def base_response() -> Response:
    """Return the response of `/v2/`: two bytes, no newline."""
    return Response(b"{}", headers=VERSION_HEADERS, media_type=JSON_TYPE)


def text_response(text: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return a line of plain text."""
    return Response(f"{text}\n", status, headers, "text/plain")


def not_found_response() -> Response:
    """Return the 404 of the router, which comes before authentication."""
    headers = {**VERSION_HEADERS, "x-content-type-options": "nosniff"}
    return text_response("404 page not found", 404, headers)
