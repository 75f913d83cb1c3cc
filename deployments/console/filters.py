"""Filters of templates: bytes, ages and times as text."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from models.core.plural import pluralize
from models.registries.observation import Coverage
from tasks.pages.markdown import format_age, format_bytes, format_quota, format_storage


def age(since: datetime | None, now: datetime) -> str:
    """Return how long ago a time is: `12 seconds ago`; `never` for None."""
    return f"{format_age(since, now)} ago" if since else "never"


def duration(since: datetime | None, now: datetime) -> str:
    """Return how long a state has lasted: `3 hours`; empty for None."""
    return format_age(since, now) if since else ""


def machine_time(at: datetime | None) -> str:
    """Return a time in ISO 8601, for the attribute of `<time>`."""
    return at.isoformat() if at else ""


def exact_time(at: datetime | None) -> str:
    """Return a time in UTC to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "never"


def storage(octets: int | None, coverage: Coverage | None = None) -> str:
    """Return bytes as text; a lower bound if not all tags are counted."""
    return format_storage(octets, coverage)


FILTERS: dict[str, Callable[..., Any]] = {
    "age": age,
    "bytes": format_bytes,
    "duration": duration,
    "exact_time": exact_time,
    "machine_time": machine_time,
    "pluralize": pluralize,
    "quota": format_quota,
    "storage": storage,
}
