"""The clock."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present time, UTC and aware."""
    return datetime.now(UTC)
