"""Responses of docker-registry 2.8.2 (Debian), word for word, as observed on the real one.

`tests/simulators/test_docker_registry.py` sends the same requests to both.
"""

import json
from collections.abc import Mapping, Sequence

from deployments.simulators.asgi import AsgiResponse, Headers

VERSION_HEADERS: Headers = (("Docker-Distribution-Api-Version", "registry/2.0"),)
JSON_HEADERS: Headers = (("Content-Type", "application/json; charset=utf-8"), *VERSION_HEADERS)
TEXT_HEADERS: Headers = (
    ("Content-Type", "text/plain; charset=utf-8"),
    *VERSION_HEADERS,
    ("X-Content-Type-Options", "nosniff"),
)

# https://distribution.github.io/distribution/spec/api/#errors-2
ERRORS: Mapping[str, tuple[int, str]] = {
    "BLOB_UNKNOWN": (404, "blob unknown to registry"),
    "BLOB_UPLOAD_INVALID": (404, "blob upload invalid"),
    "BLOB_UPLOAD_UNKNOWN": (404, "blob upload unknown to registry"),
    "DENIED": (403, "requested access to the resource is denied"),
    "DIGEST_INVALID": (400, "provided digest did not match uploaded content"),
    "MANIFEST_BLOB_UNKNOWN": (400, "blob unknown to registry"),
    "MANIFEST_INVALID": (400, "manifest invalid"),
    "MANIFEST_UNKNOWN": (404, "manifest unknown"),
    "NAME_UNKNOWN": (404, "repository name not known to registry"),
    "PAGINATION_NUMBER_INVALID": (400, "invalid number of results requested"),
    "UNAUTHORIZED": (401, "authentication required"),
    "UNKNOWN": (500, "unknown error"),
    "UNSUPPORTED": (405, "The operation is unsupported."),
}

NO_DETAIL = object()
"""No `detail` key at all; None is written as `"detail":null`."""


class ErrorResponse(Exception):
    """An error response of the registry."""

    def __init__(
        self,
        code: str,
        detail: object = NO_DETAIL,
        *,
        message: str | None = None,
        headers: Headers = (),
    ) -> None:
        super().__init__(code)
        status, meaning = ERRORS[code]
        error: dict[str, object] = {"code": code, "message": message or meaning}
        if detail is not NO_DETAIL:
            error["detail"] = detail
        self.response = json_response({"errors": [error]}, status=status, headers=headers)


def json_response(value: object, *, status: int = 200, headers: Headers = ()) -> AsgiResponse:
    """Return JSON as Go's encoder writes it: compact, with a newline at the end."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    return AsgiResponse(status, body, (*JSON_HEADERS, *headers))


def empty_response(status: int, *headers: tuple[str, str]) -> AsgiResponse:
    """Return a response without a body."""
    return AsgiResponse(status, b"", (*VERSION_HEADERS, *headers))


def base_response() -> AsgiResponse:
    """Return the response of `/v2/`: two bytes, no newline, for every method."""
    return AsgiResponse(200, b"{}", JSON_HEADERS)


def not_found_response() -> AsgiResponse:
    """Return the 404 of the router, which comes before authentication."""
    return AsgiResponse(404, b"404 page not found\n", TEXT_HEADERS)


def method_not_allowed_response(allowed: Sequence[str]) -> AsgiResponse:
    """Return the 405 of a known route."""
    return AsgiResponse(
        405, b"Method not allowed\n", (("Allow", ", ".join(sorted(allowed))), *TEXT_HEADERS)
    )


def redirect(to: str) -> AsgiResponse:
    """Return a redirect for one slash too many or too few."""
    body = f'<a href="{to}">Moved Permanently</a>.\n\n'.encode()
    headers = (("Content-Type", "text/html; charset=utf-8"), *VERSION_HEADERS, ("Location", to))
    return AsgiResponse(301, body, headers)
