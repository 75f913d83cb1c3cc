"""Bounded, incremental reading of response bodies.

Every request asks for the `identity` encoding. A proxy may compress the response anyway, so a
single gzip layer is decoded here. The decoders of the HTTP libraries cannot be used: they decode a
whole chunk, and nested encodings, before the size can be checked.
"""

import zlib

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
