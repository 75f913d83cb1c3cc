"""What is too old to be kept goes by itself, a little at a time."""

from datetime import timedelta

import pytest

from flows.overview import compute_overview
from models.core.audit import AuditEntry
from models.core.runs.context import RunContext
from models.core.settings import get_settings
from tasks import clock
from tasks.store import audit
from tasks.store.session import run_in_transaction
from tests.support.helpers import audit_of, expect_success

OLD_ENTRIES = [
    AuditEntry(subject=f"s{number}", action="space.asked", emit_event=False)
    for number in range(2500)
]


def _write(name: str, days: float, *entries: AuditEntry) -> None:
    at = clock.now() - timedelta(days=days)
    run_in_transaction(audit.append, name, entries, RunContext(now=at))


async def test_the_audit_is_pruned_by_age(name: str) -> None:
    _write(name, 401, *OLD_ENTRIES, AuditEntry(subject="unsent", action="space.appeared"))
    _write(name, 399, AuditEntry(subject="young", action="space.asked", emit_event=False))
    assert "; 2500 old audit entries deleted" in await expect_success(compute_overview)
    assert {row.subject for row in audit_of(name)} == {"unsent", "young"}
    assert "old" not in await expect_success(compute_overview)


async def test_nothing_is_pruned_where_it_shall_not_be(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_AUDIT_DAYS", "0")
    get_settings.cache_clear()
    _write(name, 40_000, *OLD_ENTRIES[:3])
    await expect_success(compute_overview)
    assert len(audit_of(name)) == 3
