"""Pages of the audit log."""

from typing import Any

import pytest
from sqlmodel import Session

from models.core.audit import AuditEntry
from models.overview.audit_list import AuditQuery
from tasks.store import audit
from tasks.store.lists.audit import list_audit
from tasks.store.session import run_in_snapshot, run_in_transaction
from tests.support.builders import run_context

ENTRIES = [
    ("prod", AuditEntry(subject="prod", action="registry.integrated")),
    (
        "prod",
        AuditEntry(subject="a_b", action="space.created", reason="<script>", emit_event=False),
    ),
    ("prod", AuditEntry(subject="x", action="grant.made", workspace="team-a")),
    (
        "dev",
        AuditEntry(
            subject="y", action="grant.made", workspace="team-a", reason="100%", emit_event=False
        ),
    ),
]


def _append(session: Session) -> None:
    for registry, entry in ENTRIES:
        audit.append(session, registry, [entry], run_context("run-1"))


@pytest.mark.parametrize(
    ("search", "selection", "subjects"),
    [
        ("", {}, "y x a_b prod"),
        ("", {"registry": "prod"}, "x a_b prod"),
        ("", {"workspace": "team-a"}, "y x"),
        ("", {"registry": "dev", "workspace": "team-a"}, "y"),
        ("", {"registry": "gone"}, ""),
        ("GRANT", {"registry": "prod"}, "x"),
        ("_", {}, "a_b"),
        ("%", {}, "y"),
        ("<script>", {}, "a_b"),
    ],
)
def test_selection(database: str, search: str, selection: dict[str, Any], subjects: str) -> None:
    run_in_transaction(_append)
    page = run_in_snapshot(list_audit, AuditQuery(search=search, **selection))
    assert [row.subject for row in page.items] == subjects.split()
    assert page.total == len(subjects.split())


def test_pages(database: str) -> None:
    run_in_transaction(_append)
    page = run_in_snapshot(list_audit, AuditQuery(limit=2, offset=2))
    assert [row.subject for row in page.items] == ["a_b", "prod"]
    assert (page.total, page.number, page.next_number) == (4, 2, None)
