"""A complete HTTP response, sanitized but not yet parsed, and the bounded reading of its body.

Every request asks for the `identity` encoding. A proxy may compress the response anyway, so a
single gzip layer is decoded here. The decoders of the HTTP libraries cannot be used: they decode a
whole chunk, and nested encodings, before the size can be checked.
"""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from models.core.text import replace_invisible
from tasks import clock
from tasks.http.api_model import MAX_VALUES, count_values

IDENTITY_ENCODING = {"Accept-Encoding": "identity"}
"""https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3"""

_GZIP_WINDOW_BITS = 16 + zlib.MAX_WBITS


class BodyError(Exception):
    """The body cannot be used; the message is a predicate whose subject is the server."""


class BodyTooLarge(BodyError):
    """The body is larger than allowed."""


class CorruptBody(BodyError):
    """The compressed body cannot be decoded; a retry may succeed."""


class BodyBuffer:
    """Collects the chunks of a response body.

    Args:
        coding: `Content-Encoding` of the response.
        max_bytes: maximum size of the decoded body.

    Raises:
        BodyError: the encoding is neither identity nor a single gzip.
    """

    def __init__(self, coding: str, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pieces = bytearray()
        self._gzip = zlib.decompressobj(_GZIP_WINDOW_BITS) if _is_gzip(coding) else None

    def add(self, piece: bytes) -> None:
        """Add a chunk as received, still encoded.

        Raises:
            BodyTooLarge: the body exceeds `max_bytes`.
            CorruptBody: the chunk is not valid gzip data.
        """
        if self._gzip is None:
            self._append(piece)
            return
        try:  # decode at most one byte above the limit: enough to detect that it is exceeded
            self._append(self._gzip.decompress(piece, self._max_bytes + 1 - len(self._pieces)))
        except zlib.error:
            raise CorruptBody("returned a corrupt gzip body") from None

    def content(self) -> bytes:
        """Return the decoded body.

        Raises:
            CorruptBody: the compressed body is truncated or has trailing data.
        """
        if self._gzip and (not self._gzip.eof or self._gzip.unused_data):
            raise CorruptBody("returned a corrupt gzip body")
        return bytes(self._pieces)

    def _append(self, piece: bytes) -> None:
        self._pieces += piece
        if len(self._pieces) > self._max_bytes:
            raise BodyTooLarge(f"returned more than {self._max_bytes / 1e6:.0f} MB")


def _is_gzip(coding: str) -> bool:
    codings = [name for name in coding.lower().replace(" ", "").split(",") if name]
    compressions = [name for name in codings if name != "identity"]
    if not compressions:
        return False
    if compressions in (["gzip"], ["x-gzip"]):
        return True
    raise BodyError(
        f"returned the content encoding {coding[:40]!r}, which was not requested: check for a "
        "proxy that compresses responses"
    )


_MAX_DATE_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP response.

    Attributes:
        target: the server, for errors, for example `prod` or `cluster eu`.
        method: HTTP method of the request.
        url: URL of the request, without credentials.
        headers: response headers with lower-case names; control and invisible characters are
            replaced.
        body: decoded body; in JSON, control and invisible characters are replaced.
        seconds: duration of the request.
        raw_body: decoded body as it was received, to compute its digest: never show or store it.
    """

    target: str
    method: str
    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    seconds: float = 0.0
    raw_body: bytes = field(default=b"", init=False, repr=False)

    def __post_init__(self) -> None:
        """Sanitize headers and body, so that no caller can forget it."""
        clean = {name: replace_invisible(value) for name, value in self.headers.items()}
        object.__setattr__(self, "headers", clean)
        object.__setattr__(self, "raw_body", self.body)
        object.__setattr__(self, "body", sanitize_json(self.body))

    @property
    def retry_after(self) -> float | None:
        """The delay of the Retry-After header in seconds; None if absent or invalid.

        The header holds seconds or a date, see
        https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
        """
        value = self.headers.get("retry-after", "")
        if len(value) > _MAX_DATE_LENGTH:
            return None
        if re.fullmatch(r"\d{1,6}", value):
            return float(value)
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        return max(0.0, (at - clock.now()).total_seconds()) if at.tzinfo else None


_ESCAPES = (b"\\u", b"\\b", b"\\f")
_SUSPECT_PATTERN = re.compile(
    rb"[\x7f\xc2\xd8\xe1\xe2\xef\xf3]|\\[bf]"
    rb"|\\u(?:00[01789aA]|061|180|20[026]|[dD][89a-fA-F]|[fF][eEfF][fF])"
)
"""First bytes of characters to replace, as UTF-8 or JSON escape; most bodies do not match."""


def sanitize_json(body: bytes) -> bytes:
    """Replace control and invisible characters in all strings and keys of a JSON text.

    Returns:
        The JSON text. A body that is not JSON is returned unchanged if it contains no suspicious
        character, else empty.
    """
    # Most bodies have no escape at all, which one search for a single byte tells.
    has_escape = b"\\" in body and any(escape in body for escape in _ESCAPES)
    if body.isascii() and b"\x7f" not in body and not has_escape:
        return body
    # A body with too many values is never parsed, see `check_values`.
    if not _SUSPECT_PATTERN.search(body) or count_values(body) > MAX_VALUES:
        return body
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return b""
    clean = _sanitize_value(value)
    return body if clean == value else json.dumps(clean).encode()


def _sanitize_value(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return replace_invisible(value)
    if isinstance(value, list):
        return [_sanitize_value(item) for item in value]
    if isinstance(value, dict):
        return {replace_invisible(key): _sanitize_value(item) for key, item in value.items()}
    return value
