"""Limit the attempts to log in: per address, and in total. Counted per process."""

from collections import deque
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=5)
MAX_PER_ADDRESS = 5
MAX_TOTAL = 100
"""Attempts of all addresses in one window: many addresses may belong to one attacker."""

_MAX_ADDRESSES = 10_000


class LoginAttempts:
    """Failed attempts of the last minutes, in memory; several consoles count each their own."""

    def __init__(self) -> None:
        self._failures: dict[str, deque[datetime]] = {}
        self._total: deque[datetime] = deque(maxlen=MAX_TOTAL)

    def retry_after(self, address: str, now: datetime) -> timedelta | None:
        """Return how long this address must wait; None if it may try now."""
        own = self._failures.get(address, deque())
        waits = [
            failures[-limit] + WINDOW - now
            for failures, limit in ((own, MAX_PER_ADDRESS), (self._total, MAX_TOTAL))
            if len(failures) >= limit
        ]
        wait = max(waits, default=timedelta())
        return wait if wait > timedelta() else None

    def record_failure(self, address: str, now: datetime) -> None:
        """Count a failed attempt."""
        if len(self._failures) >= _MAX_ADDRESSES:
            self._forget_old(now)
        self._failures.setdefault(address, deque(maxlen=MAX_PER_ADDRESS)).append(now)
        self._total.append(now)

    def record_success(self, address: str) -> None:
        """Forget the failures of an address that has logged in."""
        self._failures.pop(address, None)

    def _forget_old(self, now: datetime) -> None:
        self._failures = {
            address: failures
            for address, failures in self._failures.items()
            if now - failures[-1] < WINDOW
        }
