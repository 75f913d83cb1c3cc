"""How much a server is asked, and when it is left alone: registries and clusters alike."""

import time

from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.core.settings import Settings

TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses of faults that pass: the request is tried again."""

_OPEN_SECONDS = 1.5
"""How long a server that does not answer is left alone; shorter than the pause before a task is
tried again."""


class ClientLimits(FrozenModel):
    """How much one server is asked at once, and how long for.

    Attributes:
        max_concurrency: parallel requests.
        connect_seconds, read_seconds: until a connection stands; between two pieces of an answer.
        request_seconds: for one whole request.
        max_bytes: bytes of one answer, decoded.
        max_list_items, list_bytes: of one list, all its pages together.
        max_list_pages: of one list, however little there is on each.
        operation_seconds: for one whole list.
    """

    max_concurrency: int = 4
    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    request_seconds: float = 60.0
    max_bytes: int = 16_000_000
    max_list_items: int = 200_000
    max_list_bytes: int = 200_000_000
    max_list_pages: int = 4_000
    operation_seconds: float = 300.0

    @classmethod
    def for_registry(cls, settings: Settings) -> "ClientLimits":
        """Take a registry's bounds from the settings."""
        return cls(
            max_concurrency=settings.requests_at_once,
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            request_seconds=2 * settings.read_seconds,
            operation_seconds=settings.operation_seconds,
        )

    @classmethod
    def for_cluster(cls, settings: Settings) -> "ClientLimits":
        """Take a cluster's bounds from the settings; 500 full pull secrets are some MB."""
        return cls(
            max_concurrency=settings.cluster_requests_at_once,
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            request_seconds=2 * settings.read_seconds,
            operation_seconds=settings.operation_seconds,
            max_bytes=64_000_000,
            max_list_bytes=1_000_000_000,
        )


class ListCounter:
    """Counts the pages of one list.

    Args:
        client_limits: how many items and bytes the list may have.
    """

    def __init__(self, client_limits: ClientLimits) -> None:
        self._limits = client_limits
        self._items = self._bytes = self._pages = 0

    def add(self, items: int, octets: int) -> str:
        """Count a page, and return what is exceeded, for people; empty if nothing is.

        A page without items counts as one, so that a list of empty pages ends, too.
        """
        self._items += max(items, 1)
        self._bytes += octets
        self._pages += 1
        if self._pages > self._limits.max_list_pages:
            return f"the list has more than {self._limits.max_list_pages:,} pages"
        return self.excess(self._items, self._bytes)

    def excess(self, items: int, octets: int = 0) -> str:
        """Return what such a list exceeds, for people; empty if nothing."""
        if items > self._limits.max_list_items:
            return f"the list has more than {self._limits.max_list_items:,} items"
        if octets > self._limits.max_list_bytes:
            return f"the list has more than {self._limits.max_list_bytes / 1e6:.0f} MB"
        return ""


class CircuitBreaker:
    """Leaves a server alone for a while when its last connections all failed.

    Args:
        limit: connections that fail in a row until then.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._failures = 0
        self._last_failure = "", Reason.UNREACHABLE
        self._last_failure_at = 0.0

    def record_failure(self, message: str, reason: Reason) -> None:
        """Note that no complete answer came, and why."""
        self._failures += 1
        self._last_failure, self._last_failure_at = (message, reason), time.monotonic()

    def record_success(self) -> None:
        """Note that a complete answer came."""
        self._failures = 0

    @property
    def open_reason(self) -> tuple[str, Reason] | None:
        """Why the server is not asked just now; None if it may be."""
        if self._failures < self._limit or time.monotonic() - self._last_failure_at > _OPEN_SECONDS:
            return None
        message, reason = self._last_failure
        return f"{message} (the last {self._failures} tries; not asked again right now)", reason
