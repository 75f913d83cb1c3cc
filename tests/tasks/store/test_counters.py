"""Counters are sums over all runs, and never go backwards."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import Session

from models.core.audit import AuditEntry
from models.core.runs.context import RunContext
from models.core.runs.counters import CounterKey, CounterName, Counters
from models.tables import CounterRow
from tasks import counters
from tasks.store import audit
from tasks.store.counters import add_counters, list_counters
from tasks.store.session import run_in_transaction
from tests.support.builders import NOW
from tests.tasks.store.tools import rows

pytestmark = pytest.mark.usefixtures("database")

RUNS = CounterKey(CounterName.FLOW_RUNS, "reconcile-all", "completed")
SECONDS = CounterKey(CounterName.REQUEST_SECONDS, "success")
BOUND = CounterKey(CounterName.AUDIT, "space.bound")
ENTRY = AuditEntry(subject="a", action="space.bound")


@pytest.fixture(autouse=True)
def forget_others() -> None:
    """Start without what other tests of this process have counted."""
    counters.take()


def test_runs_add_to_one_sum() -> None:
    run_in_transaction(add_counters, {RUNS: 1, SECONDS: 0.25})
    run_in_transaction(add_counters, {SECONDS: 0.5, BOUND: 3})
    run_in_transaction(add_counters, {})
    assert run_in_transaction(list_counters) == {RUNS: 1, SECONDS: 0.75, BOUND: 3}


def test_runs_at_the_same_time_lose_nothing() -> None:
    def save(counted: Counters) -> None:
        run_in_transaction(add_counters, counted)

    orders: list[Counters] = [{RUNS: 1, BOUND: 2}, {BOUND: 2, RUNS: 1}]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(save, orders * 20))
    assert run_in_transaction(list_counters) == {RUNS: 40, BOUND: 80}


def test_what_another_version_counts_is_kept_and_not_shown() -> None:
    other = CounterRow(name="other", label="", outcome="", value=4)
    run_in_transaction(lambda session: session.add(other))
    run_in_transaction(add_counters, {RUNS: 1})
    assert run_in_transaction(list_counters) == {RUNS: 1}
    assert len(rows(CounterRow)) == 2


def _fail_after_audit(session: Session) -> None:
    audit.append(session, "prod", [ENTRY], RunContext(now=NOW))
    raise ZeroDivisionError


def test_audit_entries_are_counted_when_they_are_committed() -> None:
    with pytest.raises(ZeroDivisionError):
        run_in_transaction(_fail_after_audit)
    assert counters.take() == {}
    run_in_transaction(audit.append, "prod", [ENTRY, ENTRY], RunContext(now=NOW))
    assert counters.take() == {BOUND: 2}
    assert counters.take() == {}


def test_deleted_audit_entries_stay_counted() -> None:
    entry = ENTRY.model_copy(update={"emit_event": False})
    run_in_transaction(audit.append, "prod", [entry], RunContext(now=NOW))
    run_in_transaction(add_counters, counters.take())
    assert run_in_transaction(audit.prune, NOW + timedelta(days=1), 10) == 1
    assert run_in_transaction(list_counters) == {BOUND: 1}
