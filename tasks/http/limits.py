"""How much a server is asked, and when it is left alone: registries and clusters alike."""

import time

from models.core.base import Value
from models.core.reasons import Reason
from models.core.settings import Settings

PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses of faults that pass: the request is tried again."""

_REST_SECONDS = 1.5
"""How long a server that does not answer is left alone; shorter than the pause before a task is
tried again."""


class Bounds(Value):
    """How much one server is asked at once, and how long for.

    Attributes:
        at_once: parallel requests.
        connect_seconds, read_seconds: until a connection stands; between two pieces of an answer.
        request_seconds: for one whole request.
        largest: bytes of one answer, decoded.
        list_items, list_bytes: of one list, all its pages together.
        list_pages: of one list, however little there is on each.
        operation_seconds: for one whole list.
    """

    at_once: int = 4
    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    request_seconds: float = 60.0
    largest: int = 16_000_000
    list_items: int = 200_000
    list_bytes: int = 200_000_000
    list_pages: int = 4_000
    operation_seconds: float = 300.0

    @classmethod
    def of_registry(cls, settings: Settings) -> "Bounds":
        """Take a registry's bounds from the settings."""
        return cls(
            at_once=settings.requests_at_once,
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            request_seconds=2 * settings.read_seconds,
            operation_seconds=settings.operation_seconds,
        )

    @classmethod
    def of_cluster(cls, settings: Settings) -> "Bounds":
        """Take a cluster's bounds from the settings; 500 full pull secrets are some MB."""
        return cls(
            at_once=settings.cluster_requests_at_once,
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            request_seconds=2 * settings.read_seconds,
            operation_seconds=settings.operation_seconds,
            largest=64_000_000,
            list_bytes=1_000_000_000,
        )


class ListSize:
    """Counts the pages of one list.

    Args:
        bounds: how many items and bytes the list may have.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._items = self._bytes = self._pages = 0

    def add(self, items: int, octets: int) -> str:
        """Count a page, and return what is exceeded, for people; empty if nothing is.

        A page without items counts as one, so that a list of empty pages ends, too.
        """
        self._items += max(items, 1)
        self._bytes += octets
        self._pages += 1
        if self._pages > self._bounds.list_pages:
            return f"the list has more than {self._bounds.list_pages:,} pages"
        return self.excess(self._items, self._bytes)

    def excess(self, items: int, octets: int = 0) -> str:
        """Return what such a list exceeds, for people; empty if nothing."""
        if items > self._bounds.list_items:
            return f"the list has more than {self._bounds.list_items:,} items"
        if octets > self._bounds.list_bytes:
            return f"the list has more than {self._bounds.list_bytes / 1e6:.0f} MB"
        return ""


class Circuit:
    """Leaves a server alone for a while when its last connections all failed.

    Args:
        limit: connections that fail in a row until then.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._failed = 0
        self._last = "", Reason.UNREACHABLE
        self._last_at = 0.0

    def failed(self, said: str, reason: Reason) -> None:
        """Note that no complete answer came, and why."""
        self._failed += 1
        self._last, self._last_at = (said, reason), time.monotonic()

    def answered(self) -> None:
        """Note that a complete answer came."""
        self._failed = 0

    @property
    def open(self) -> tuple[str, Reason] | None:
        """Why the server is not asked just now; None if it may be."""
        if self._failed < self._limit or time.monotonic() - self._last_at > _REST_SECONDS:
            return None
        said, reason = self._last
        return f"{said} (the last {self._failed} tries; not asked again right now)", reason
