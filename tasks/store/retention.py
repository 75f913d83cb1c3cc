"""Delete expired history in small batches."""

from datetime import datetime

from models.core.settings import get_settings
from tasks.store import audit
from tasks.store.registries import runs
from tasks.store.session import in_transaction

_BATCH_SIZE, _MAX_BATCHES = 1_000, 10
"""Rows per transaction, to keep locks short, and transactions per run."""


async def prune_history(now: datetime) -> int:
    """Delete audit entries and change results beyond their retention; return how many.

    One run deletes a limited number of batches; the next run continues.
    """
    age = get_settings().audit_retention
    if age is None:
        return 0
    total = 0
    for prune in (audit.prune, runs.prune_results):
        for _ in range(_MAX_BATCHES):
            count = await in_transaction(prune, now - age, _BATCH_SIZE)
            total += count
            if count < _BATCH_SIZE:
                break
    return total
