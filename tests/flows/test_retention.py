"""What is too old to be kept goes by itself, a little at a time."""

from datetime import timedelta

import pytest

from flows.overview import compute_overview
from models.core.audit import Entry
from models.core.settings import settings
from tasks import clock
from tasks.store import audit
from tasks.store.session import transact
from tests.support.helpers import audit_of, completed

OLD = [Entry(subject=f"s{number}", what="space.asked", announce=False) for number in range(2500)]


def _write(name: str, days: float, *entries: Entry) -> None:
    at = clock.now() - timedelta(days=days)
    transact(audit.write, name, entries, at=at, flow_run="")


async def test_the_audit_is_pruned_by_age(name: str) -> None:
    _write(name, 401, *OLD, Entry(subject="unsent", what="space.appeared"))
    _write(name, 399, Entry(subject="young", what="space.asked", announce=False))
    assert "; 2500 old audit entries deleted" in await completed(compute_overview)
    assert {row.subject for row in audit_of(name)} == {"unsent", "young"}
    assert "old" not in await completed(compute_overview)


async def test_nothing_is_pruned_where_it_shall_not_be(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_AUDIT_DAYS", "0")
    settings.cache_clear()
    _write(name, 40_000, *OLD[:3])
    await completed(compute_overview)
    assert len(audit_of(name)) == 3
