"""Answers that are small on the wire and large in memory, and how much memory was taken."""

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from deployments.simulators.faults import Respond

MAX_MEMORY = 100_000_000
"""Bytes that reading one hostile answer may take; unbounded, each takes five times that."""


@cache
def gzip_bomb() -> bytes:
    """600 MB of zeros in 600 kB."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    pieces = [packer.compress(bytes(1_000_000)) for _ in range(600)]
    return b"".join([*pieces, packer.flush()])


def nested_bomb() -> bytes:
    """The same once more compressed: a few hundred bytes."""
    return gzip.compress(gzip.compress(gzip_bomb(), 9), 9)


def encoded_answer(body: bytes, *codings: str, status: int = 200) -> Respond:
    """An answer that names these content encodings, a header each."""
    headers = (("Content-Type", "application/json"),)
    return Respond(
        status, body, headers + tuple(("Content-Encoding", coding) for coding in codings)
    )


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Fail if the block takes more memory than any answer may."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MAX_MEMORY, f"{peak / 1e6:.0f} MB"
