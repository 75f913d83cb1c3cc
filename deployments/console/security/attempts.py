"""Limit the attempts to log in: per source, and in total. Counted per process."""

import ipaddress
from collections import deque
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=5)
MAX_PER_SOURCE = 5
MAX_TOTAL = 100
"""Attempts of all addresses in one window: many addresses may belong to one attacker."""

_MAX_SOURCES = 10_000
_IPV6_PREFIX = 64


def source_of(address: str, device: str = "") -> str:
    """Return what attempts are counted by.

    Args:
        address: where the request comes from. IPv6 addresses of one /64 network are one source:
            a single host may use all of them.
        device: id of a browser in which someone has logged in before; empty for others.
    """
    if device:
        return f"device:{device}"
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, _IPV6_PREFIX), strict=False))
    return str(ip)


class LoginAttempts:
    """Failed attempts of the last minutes, in memory; several consoles count each their own."""

    def __init__(self) -> None:
        self._failures: dict[str, deque[datetime]] = {}
        self._total: deque[datetime] = deque(maxlen=MAX_TOTAL)

    def retry_after(self, address: str, now: datetime, device: str = "") -> timedelta | None:
        """Return how long this source must wait; None if it may try now.

        The limit of all attempts does not hold for a browser in which someone has logged in
        before. Otherwise an attacker with many addresses could keep everybody out.
        """
        own = self._failures.get(source_of(address, device), deque())
        limits = [(own, MAX_PER_SOURCE), *([] if device else [(self._total, MAX_TOTAL)])]
        waits = [
            failures[-limit] + WINDOW - now for failures, limit in limits if len(failures) >= limit
        ]
        wait = max(waits, default=timedelta())
        return wait if wait > timedelta() else None

    def record_failure(self, address: str, now: datetime, device: str = "") -> None:
        """Count a failed attempt."""
        if len(self._failures) >= _MAX_SOURCES:
            self._forget_old(now)
        source = source_of(address, device)
        self._failures.setdefault(source, deque(maxlen=MAX_PER_SOURCE)).append(now)
        if not device:
            self._total.append(now)

    def record_success(self, address: str, device: str = "") -> None:
        """Forget the failures of a source that has logged in."""
        self._failures.pop(source_of(address, device), None)

    def _forget_old(self, now: datetime) -> None:
        self._failures = {
            source: failures
            for source, failures in self._failures.items()
            if now - failures[-1] < WINDOW
        }
