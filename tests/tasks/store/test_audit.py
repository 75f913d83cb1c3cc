"""The audit, and which of it is still to be told."""

from datetime import datetime, timedelta

import pytest

from models.core.audit import AuditEntry
from models.tables import AuditRow
from tasks.store import audit
from tasks.store.session import run_in_transaction
from tests.support.builders import NOW, run_context
from tests.tasks.store.tools import rows

pytestmark = pytest.mark.usefixtures("database")


def _write(*entries: AuditEntry, registry: str = "prod") -> None:
    run_in_transaction(audit.append, registry, entries, run_context("run-1"))


def _entry(subject: str, *, announce: bool = True) -> AuditEntry:
    return AuditEntry(
        subject=subject,
        action="space.created",
        before="a",
        after="b",
        reason="because",
        emit_event=announce,
    )


def test_written_as_it_is() -> None:
    _write(_entry("team"))
    (row,) = rows(AuditRow)
    assert row.model_dump(exclude={"id"}) == {
        "at": NOW,
        "registry_name": "prod",
        "cluster_name": "",
        "workspace": "",
        "subject": "team",
        "what": "space.created",
        "before": "a",
        "after": "b",
        "why": "because",
        "flow_run": "run-1",
        "actor": "api",
        "event": "space.created",
        "announced_at": None,
        "rejected": "",
    }


def test_what_is_no_news_does_not_wait() -> None:
    _write(_entry("old", announce=False), _entry("new"))
    assert [row.subject for row in run_in_transaction(audit.pending_events)] == ["new"]


def test_oldest_first_and_each_until_it_was_sent() -> None:
    _write(*(_entry(f"s{number}") for number in range(5)))
    first = run_in_transaction(audit.pending_events, limit=2)
    assert [row.subject for row in first] == ["s0", "s1"]
    run_in_transaction(audit.mark_sent, [row.id for row in first if row.id], NOW)
    assert [row.subject for row in run_in_transaction(audit.pending_events)] == ["s2", "s3", "s4"]
    assert [row.announced_at for row in rows(AuditRow)].count(NOW) == 2


def test_history_of_one_registry_newest_first() -> None:
    _write(*(_entry(f"s{number}") for number in range(5)))
    _write(_entry("elsewhere"), registry="other")
    assert [row.subject for row in run_in_transaction(audit.history, "prod", limit=3)] == [
        "s4",
        "s3",
        "s2",
    ]


def test_history_of_a_cluster_and_of_a_workspace() -> None:
    namespace_entry = _entry("shop").model_copy(update={"cluster": "eu", "workspace": "team-a"})
    workspace_entry = _entry("team-a").model_copy(update={"workspace": "team-a"})
    _write(namespace_entry, _entry("eu").model_copy(update={"cluster": "eu"}), registry="")
    _write(workspace_entry, _entry("team"))
    for filters, subjects in (
        ({"cluster": "eu"}, ["eu", "shop"]),
        ({"workspace": "team-a"}, ["team-a", "shop"]),
        ({"registry": "prod", "workspace": "team-a"}, ["team-a"]),
        ({"cluster": "us"}, []),
        ({}, ["team", "team-a", "eu", "shop"]),
    ):
        history = run_in_transaction(audit.history, **filters)  # type: ignore[arg-type]
        assert [row.subject for row in history] == subjects


def test_one_that_is_rejected_waits_no_more() -> None:
    _write(_entry("bad"), _entry("good"))
    (bad, _) = run_in_transaction(audit.pending_events)
    run_in_transaction(audit.mark_rejected, {bad.id or 0: "Prefect answered 422"})
    assert [row.subject for row in run_in_transaction(audit.pending_events)] == ["good"]
    assert {row.subject: row.rejected for row in rows(AuditRow)} == {
        "bad": "Prefect answered 422",
        "good": "",
    }


def _prune(before: datetime, limit: int = 100) -> tuple[int, list[str]]:
    count = run_in_transaction(audit.prune, before, limit)
    return count, sorted(row.subject for row in rows(AuditRow))


def test_the_old_are_pruned_but_never_an_event_that_is_still_to_be_sent() -> None:
    _write(_entry("silent", announce=False), _entry("sent"), _entry("bad"), _entry("unsent"))
    _, sent, bad, _ = sorted(rows(AuditRow), key=lambda row: row.id)
    run_in_transaction(audit.mark_sent, [sent.id], NOW)
    run_in_transaction(audit.mark_rejected, {bad.id: "no"})
    assert _prune(NOW) == (0, ["bad", "sent", "silent", "unsent"])
    later = NOW + timedelta(seconds=1)
    assert _prune(later, limit=2)[0] == 2
    assert _prune(later) == (1, ["unsent"])
    assert _prune(later) == (0, ["unsent"])
