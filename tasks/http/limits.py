"""Client limits and the circuit breaker, for registries and clusters."""

import time

from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.core.settings import Settings

TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP statuses of transient faults; the request is retried."""

OPEN_SECONDS = 1.5
"""Seconds for which an open circuit blocks requests; shorter than the delay before a task retry."""


class ClientLimits(FrozenModel):
    """Limits of one client to one server.

    Attributes:
        max_concurrency: concurrent requests.
        connect_seconds: timeout to establish a connection.
        read_seconds: timeout between two chunks of a response.
        request_seconds: timeout of one whole request.
        max_bytes: decoded size of one response.
        max_list_items: items of one list, all pages together.
        max_list_bytes: decoded size of one list, all pages together.
        max_list_pages: pages of one list, including empty pages.
        operation_seconds: timeout of one whole list.
        max_namespace_items: objects of one namespace in a list of a cluster.
        max_namespace_bytes: decoded size of these objects.
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
    max_namespace_items: int = 10_000
    max_namespace_bytes: int = 100_000_000

    @classmethod
    def for_registry(cls, settings: Settings) -> "ClientLimits":
        """Return the limits for a registry from the settings."""
        return cls(
            max_concurrency=settings.requests_at_once,
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            request_seconds=2 * settings.read_seconds,
            operation_seconds=settings.operation_seconds,
        )

    @classmethod
    def for_cluster(cls, settings: Settings) -> "ClientLimits":
        """Return the limits for a cluster from the settings."""
        return cls(  # a page of 500 full pull secrets has some MB: larger size limits
            max_concurrency=settings.cluster_requests_at_once,
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            request_seconds=2 * settings.read_seconds,
            operation_seconds=settings.operation_seconds,
            max_bytes=64_000_000,
            max_list_bytes=1_000_000_000,
        )


class ListCounter:
    """Checks the size of one list while its pages are read.

    Args:
        client_limits: maximum items, bytes and pages of the list.
    """

    def __init__(self, client_limits: ClientLimits) -> None:
        self._limits = client_limits
        self._items = self._bytes = self._pages = 0

    def add(self, items: int, octets: int) -> str:
        """Add a page and return the exceeded limit as a message; empty if none is exceeded.

        Args:
            items: items on the page; an empty page counts as one, so endless empty pages are
                detected.
            octets: decoded size of the page in bytes.
        """
        self._items += max(items, 1)
        self._bytes += octets
        self._pages += 1
        if self._pages > self._limits.max_list_pages:
            return f"the list has more than {self._limits.max_list_pages:,} pages"
        return self.excess(self._items, self._bytes)

    def excess(self, items: int, octets: int = 0) -> str:
        """Return the limit that a list of this size exceeds as a message; empty if none."""
        if items > self._limits.max_list_items:
            return f"the list has more than {self._limits.max_list_items:,} items"
        if octets > self._limits.max_list_bytes:
            return f"the list has more than {self._limits.max_list_bytes / 1e6:.0f} MB"
        return ""


class CircuitBreaker:
    """Blocks requests to a server for a short time after consecutive failed connections.

    Args:
        limit: consecutive failures that open the circuit.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._failures = 0
        self._last_failure = "", Reason.UNREACHABLE
        self._last_failure_at = 0.0

    def record_failure(self, message: str, reason: Reason) -> None:
        """Count a request without a complete response."""
        self._failures += 1
        self._last_failure, self._last_failure_at = (message, reason), time.monotonic()

    def record_success(self) -> None:
        """Reset the count after a complete response."""
        self._failures = 0

    @property
    def open_reason(self) -> tuple[str, Reason] | None:
        """The message and reason of the open circuit; None if requests are allowed."""
        if self._failures < self._limit or time.monotonic() - self._last_failure_at > OPEN_SECONDS:
            return None
        message, reason = self._last_failure
        return f"{message} ({self._failures} failures in a row; requests are paused)", reason
