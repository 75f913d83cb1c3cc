"""What this process has counted since its run last saved it, see `tasks.store.counters`."""

import threading
from collections import Counter

from models.core.runs.counters import (
    CounterKey,
    CounterName,
    Counters,
    RequestOutcome,
    classify_status,
)

_pending: Counter[CounterKey] = Counter()
_lock = threading.Lock()  # transactions end in threads


def count(key: CounterKey, value: float = 1) -> None:
    """Add to one counter."""
    add({key: value})


def count_request(status: int | None, seconds: float) -> None:
    """Count one request to a registry: HTTP status, None if there was no complete response."""
    outcome = RequestOutcome.NO_RESPONSE if status is None else classify_status(status)
    add(
        {
            CounterKey(CounterName.REQUESTS, outcome): 1,
            CounterKey(CounterName.REQUEST_SECONDS, outcome): seconds,
        }
    )


def add(counters: Counters) -> None:
    """Add to counters."""
    with _lock:
        for key, value in counters.items():
            _pending[key] += value  # type: ignore[assignment]  # seconds are no integers


def take() -> Counters:
    """Return everything that is not saved yet, and forget it; `add` gives it back."""
    with _lock:
        taken = dict(_pending)
        _pending.clear()
        return taken
