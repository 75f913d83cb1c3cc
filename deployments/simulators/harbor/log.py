"""What the simulator was asked: a record tests can count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class HarborRequestRecord(NamedTuple):
    """One request; `user` is the login name it came with, whether or not that was accepted."""

    method: str
    path: str
    status: int
    user: str | None


class HarborRequestLog(list[HarborRequestRecord]):
    """All requests in the order they were answered."""

    def __init__(self, entries: Iterable[HarborRequestRecord] = ()) -> None:
        super().__init__(entries)

    def writes(self) -> list[HarborRequestRecord]:
        """Those that ask for a change."""
        return [entry for entry in self if entry.method not in SAFE_METHODS]

    def reads(self) -> list[HarborRequestRecord]:
        """Those that do not."""
        return [entry for entry in self if entry.method in SAFE_METHODS]

    def with_prefix(self, path: str) -> list[HarborRequestRecord]:
        """Those whose path, without the query, begins like this."""
        return [entry for entry in self if entry.path.startswith(path)]
