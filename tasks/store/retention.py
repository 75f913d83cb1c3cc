"""Delete what is too old to be kept, a little at a time."""

from datetime import datetime

from models.core.settings import settings
from tasks.store import audit
from tasks.store.registries import runs
from tasks.store.session import stored

_BATCH, _BATCHES = 1_000, 10
"""Rows in one transaction, so that nobody waits long for it, and transactions of one run."""


async def prune_history(now: datetime) -> int:
    """Delete audit entries and results of changes beyond their age; return how many.

    The next run goes on where this one stops.
    """
    age = settings().audit_age
    if age is None:
        return 0
    deleted = 0
    for prune in (audit.prune, runs.prune_outcomes):
        for _ in range(_BATCHES):
            many = await stored(prune, now - age, _BATCH)
            deleted += many
            if many < _BATCH:
                break
    return deleted
