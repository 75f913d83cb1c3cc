"""The audit page and its exports."""

import csv
import io
import json
from datetime import timedelta

import pytest

from models.core.audit import AuditEntry
from models.core.runs.actor import Actor, ActorKind
from models.core.runs.context import RunContext
from tasks.store import audit
from tasks.store.session import run_in_transaction
from tests.console.browser import Browser, text_of
from tests.support.builders import NOW

HOSTILE = '=HYPERLINK("http://evil")<script>alert(1)</script>\u202e'
ALICE = Actor(kind=ActorKind.PERSON, name="alice")
SCHEDULE = Actor(kind=ActorKind.SCHEDULE, name="every-minute")


def _write(count: int = 1, *, registry: str = "prod", days: int = 0, **entry: str) -> None:
    context = RunContext(
        now=NOW + timedelta(days=days),
        flow_run="5f0f2b9e-0000-4000-8000-000000000001",
        actor=SCHEDULE if entry.get("action") == "registry.unhealthy" else ALICE,
    )
    fields = {"subject": "team-a", "action": "space.bound", **entry}
    entries = [AuditEntry.model_validate(fields)] * count
    run_in_transaction(audit.append, registry, entries, context)


async def test_an_entry_has_who_what_when_and_why(browser: Browser) -> None:
    _write(before="private", after="public", reason="requested", workspace="shop")
    html = await browser.get("/audit")
    for text in ("person:alice", "space.bound", "team-a", "private", "public", "requested"):
        assert text in text_of(html)
    assert 'href="/registries/prod"' in html
    assert 'href="/workspaces/shop"' in html
    assert 'href="/runs/5f0f2b9e-0000-4000-8000-000000000001?back=%2Faudit"' in html


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"a", "b", "c"}),
        ("registry=dev", {"b"}),
        ("workspace=shop", {"a"}),
        ("cluster=eu", {"c"}),
        ("kind=space", {"a", "b"}),
        ("kind=nonsense", {"a", "b", "c"}),
        ("actor=schedule", {"c"}),
        ("actor=person:alice", {"a", "b"}),
        ("actor=%25", set()),
        ("q=BOUND", {"a", "b"}),
        (f"since={NOW + timedelta(days=1):%Y-%m-%d}", {"b", "c"}),
        (f"until={NOW + timedelta(days=1):%Y-%m-%d}", {"a", "b"}),
        ("since=nonsense&until=9999-12-31&page=-1", {"a", "b", "c"}),
        ("registry=%00%27%22", set()),
    ],
)
async def test_filters(browser: Browser, query: str, expected: set[str]) -> None:
    _write(subject="a", workspace="shop")
    _write(subject="b", registry="dev", days=1)
    _write(subject="c", action="registry.unhealthy", cluster="eu", registry="", days=2)
    assert "Audit" in await browser.get(f"/audit?{query}")
    rows = json.loads(await browser.get(f"/audit.json?{query}"))
    assert {row["subject"] for row in rows} == expected


async def test_pages(browser: Browser) -> None:
    _write(120)
    html = await browser.get("/audit?kind=space&page=3")
    assert html.count('<th scope="row">') == 20
    assert "120 entries, page 3 of 3" in text_of(html)
    assert "kind=space&amp;page=2" in html


async def test_a_spreadsheet_finds_no_formula(browser: Browser) -> None:
    for text in (HOSTILE, "+1", "-1", "@x", "\t=1", "  =1", "plain -1"):
        _write(subject=text)
    rows = list(csv.DictReader(io.StringIO(await browser.get("/audit.csv"))))
    subjects = [row["subject"] for row in reversed(rows)]
    assert subjects[0].startswith("'=HYPERLINK")
    assert subjects[1:] == ["'+1", "'-1", "'@x", "'\t=1", "'  =1", "plain -1"]
    assert {row["actor"] for row in rows} == {"person:alice"}


async def test_an_export_has_all_entries_in_order(browser: Browser) -> None:
    _write(2_500)
    rows = json.loads(await browser.get("/audit.json"))
    ids = [row["id"] for row in rows]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 2_500
    assert rows[0]["at"].endswith("Z")
    assert len(list(csv.reader(io.StringIO(await browser.get("/audit.csv"))))) == 2_501


async def test_an_empty_audit(browser: Browser) -> None:
    assert "Nothing has been changed yet" in await browser.get("/audit")
    assert json.loads(await browser.get("/audit.json")) == []


async def test_hostile_text_stays_text(browser: Browser) -> None:
    for name in (HOSTILE, "x" * 10_000):
        _write(subject=name, reason=name, before=name, after=name, workspace=name[:50])
    html = await browser.get("/audit?actor=%3Cscript%3E&q=%22%3E%3Cscript%3E")
    assert "<script>" not in html.replace('<script src="/static/refresh.js" defer></script>', "")
    html = await browser.get("/audit")
    assert "<script>alert" not in html


async def test_nobody_reads_it_without_a_login(anonymous: Browser) -> None:
    for path in ("/audit", "/audit.csv", "/audit.json"):
        assert (await anonymous.client.get(path)).status_code == 303
