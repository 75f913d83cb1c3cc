"""What the simulator was asked: a record tests can count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Entry(NamedTuple):
    """One request; `user` is the login name it came with, whether or not that was accepted."""

    method: str
    path: str
    status: int
    user: str | None


class RequestLog(list[Entry]):
    """All requests in the order they were answered."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        super().__init__(entries)

    def writes(self) -> list[Entry]:
        """Those that ask for a change."""
        return [entry for entry in self if entry.method not in SAFE]

    def reads(self) -> list[Entry]:
        """Those that do not."""
        return [entry for entry in self if entry.method in SAFE]

    def to(self, path: str) -> list[Entry]:
        """Those whose path, without the query, begins like this."""
        return [entry for entry in self if entry.path.startswith(path)]
