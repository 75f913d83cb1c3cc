"""What docker-registry 2.8.2 (Debian) says, word for word, as observed on the real one.

`tests/simulators/test_docker_registry.py` puts the same questions to both.
"""

import json
from collections.abc import Mapping, Sequence

from deployments.simulators.asgi import Headers, Reply

VERSION: Headers = (("Docker-Distribution-Api-Version", "registry/2.0"),)
JSON: Headers = (("Content-Type", "application/json; charset=utf-8"), *VERSION)
TEXT: Headers = (
    ("Content-Type", "text/plain; charset=utf-8"),
    *VERSION,
    ("X-Content-Type-Options", "nosniff"),
)

# https://distribution.github.io/distribution/spec/api/#errors-2
MEANINGS: Mapping[str, tuple[int, str]] = {
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

ABSENT = object()
"""No detail at all; None is a detail too (`"detail":null`)."""


class RefusedError(Exception):
    """The answer is an error of the registry's own."""

    def __init__(
        self,
        code: str,
        detail: object = ABSENT,
        *,
        message: str | None = None,
        headers: Headers = (),
    ) -> None:
        super().__init__(code)
        status, meaning = MEANINGS[code]
        error: dict[str, object] = {"code": code, "message": message or meaning}
        if detail is not ABSENT:
            error["detail"] = detail
        self.reply = json_reply({"errors": [error]}, status=status, headers=headers)


def json_reply(value: object, *, status: int = 200, headers: Headers = ()) -> Reply:
    """JSON as Go's encoder writes it: compact, with a newline at the end."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    return Reply(status, body, (*JSON, *headers))


def empty(status: int, *headers: tuple[str, str]) -> Reply:
    """An answer of headers only."""
    return Reply(status, b"", (*VERSION, *headers))


def base() -> Reply:
    """`/v2/`: two bytes, no newline, whatever the method."""
    return Reply(200, b"{}", JSON)


def page_not_found() -> Reply:
    """No such route: the router's own words, asked before any authentication."""
    return Reply(404, b"404 page not found\n", TEXT)


def method_not_allowed(allowed: Sequence[str]) -> Reply:
    """A known route, asked with another method."""
    return Reply(405, b"Method not allowed\n", (("Allow", ", ".join(sorted(allowed))), *TEXT))


def moved(to: str) -> Reply:
    """One slash too many or too few."""
    body = f'<a href="{to}">Moved Permanently</a>.\n\n'.encode()
    headers = (("Content-Type", "text/html; charset=utf-8"), *VERSION, ("Location", to))
    return Reply(301, body, headers)
