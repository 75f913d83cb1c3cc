"""A body as it comes over the wire: counted after decoding, before it is kept."""

import gzip
import zlib

import pytest

from tasks.http.response import BodyBuffer, BodyError, CorruptBody
from tests.support.large_bodies import bounded_memory, gzip_bomb

TEXT = b'{"name": "library"}' * 40
LARGEST = 1_000


def _read(coding: str, wire: bytes, step: int = 7) -> bytes:
    body = BodyBuffer(coding, LARGEST)
    for start in range(0, len(wire), step):
        body.add(wire[start : start + step])
    return body.content()


@pytest.mark.parametrize("coding", ["", "identity", "Identity", "identity, identity", " , "])
def test_what_is_not_coded(coding: str) -> None:
    assert _read(coding, TEXT) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "identity, gzip"])
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_one_gzip_is_undone(coding: str, step: int) -> None:
    assert _read(coding, gzip.compress(TEXT), step) == TEXT


@pytest.mark.parametrize(
    "coding", ["gzip, gzip", "gzip,gzip,gzip", "br", "zstd", "deflate", "gzip, br", "x", "\xff"]
)
def test_no_other_coding_is_undone(coding: str) -> None:
    with pytest.raises(BodyError, match="which was not requested"):
        BodyBuffer(coding, LARGEST)


@pytest.mark.parametrize("size", [LARGEST, LARGEST + 1])
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_the_limit_is_of_what_is_decoded(coding: str, size: int) -> None:
    wire = gzip.compress(bytes(size)) if coding else bytes(size)
    if size <= LARGEST:
        assert _read(coding, wire, 10_000) == bytes(size)
        return
    with pytest.raises(BodyError, match="returned more than"):
        _read(coding, wire, 10_000)


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        TEXT,
        gzip.compress(TEXT)[:-1],
        gzip.compress(TEXT) + b"x",
        gzip.compress(TEXT) * 2,
        zlib.compress(TEXT),
        gzip.compress(TEXT)[:-8] + bytes(8),
    ],
    ids=["nothing", "plain", "cut off", "more", "twice", "zlib", "checksum"],
)
def test_a_damaged_body_is_not_believed(wire: bytes) -> None:
    with pytest.raises(CorruptBody):
        _read("gzip", wire, 10_000)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip_bomb()
    body = BodyBuffer("gzip", 16_000_000)
    with bounded_memory(), pytest.raises(BodyError, match="more than 16 MB"):
        body.add(bomb)
