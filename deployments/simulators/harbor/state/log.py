"""Request log of the simulator."""

from __future__ import annotations

from typing import NamedTuple

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class HarborRequestRecord(NamedTuple):
    """One request; `user` is the login name in it, accepted or not."""

    method: str
    path: str
    status: int
    user: str | None


class HarborRequestLog(list[HarborRequestRecord]):
    """All requests, in the order of their responses."""

    def writes(self) -> list[HarborRequestRecord]:
        """Return the modifying requests."""
        return [entry for entry in self if entry.method not in SAFE_METHODS]

    def with_prefix(self, path: str) -> list[HarborRequestRecord]:
        """Return the requests whose path, without the query, has this prefix."""
        return [entry for entry in self if entry.path.startswith(path)]
