"""The body of an answer, read piece by piece and bounded: registries and clusters alike.

Every request asks for `identity`. A proxy may compress all the same, so one gzip is undone here;
the HTTP libraries' own decoders would unpack a piece whole, and codings within codings, before
anybody could count the bytes.
"""

import zlib

IDENTITY_ENCODING = {"Accept-Encoding": "identity"}
"""https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3"""

_GZIP_WINDOW_BITS = 16 + zlib.MAX_WBITS


class BodyError(Exception):
    """The body cannot be used; the text says why, as the end of a sentence about the server."""


class CorruptBody(BodyError):
    """The compressed body cannot be decoded; another try may bring a sound one."""


class BodyBuffer:
    """Collects a body's pieces.

    Args:
        coding: the answer's `Content-Encoding`.
        max_bytes: bytes, decoded.

    Raises:
        BodyError: the coding is neither identity nor a single gzip.
    """

    def __init__(self, coding: str, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pieces = bytearray()
        self._gzip = zlib.decompressobj(_GZIP_WINDOW_BITS) if _is_gzip(coding) else None

    def add(self, piece: bytes) -> None:
        """Take a piece as it came over the wire.

        Raises:
            BodyError: the body is larger than allowed.
            BodyDamaged: it is no gzip where it says so.
        """
        if self._gzip is None:
            self._append(piece)
            return
        try:  # no more than is still allowed is ever unpacked, and one byte that tells
            self._append(self._gzip.decompress(piece, self._max_bytes + 1 - len(self._pieces)))
        except zlib.error:
            raise CorruptBody("answered with a damaged gzip body") from None

    def content(self) -> bytes:
        """Return the whole body, decoded.

        Raises:
            BodyDamaged: the compressed body ended too early, or something follows it.
        """
        if self._gzip and (not self._gzip.eof or self._gzip.unused_data):
            raise CorruptBody("answered with a damaged gzip body")
        return bytes(self._pieces)

    def _append(self, piece: bytes) -> None:
        self._pieces += piece
        if len(self._pieces) > self._max_bytes:
            raise BodyError(f"answered more than {self._max_bytes / 1e6:.0f} MB")


def _is_gzip(coding: str) -> bool:
    codings = [name for name in coding.lower().replace(" ", "").split(",") if name]
    compressions = [name for name in codings if name != "identity"]
    if not compressions:
        return False
    if compressions in (["gzip"], ["x-gzip"]):
        return True
    raise BodyError(
        f"answered with the content encoding {coding[:40]!r}, which was not asked for: is there a "
        "proxy that compresses answers?"
    )
