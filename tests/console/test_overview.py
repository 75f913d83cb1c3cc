"""The first page."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from models.core.reasons import Reason
from models.registries.condition import ConditionStatus
from models.registries.observation import SpaceStorage
from models.registries.registry import Kind
from models.tables import ClusterRow, ConditionRow, RegistryRow
from tasks import clock
from tasks.store.registries import spaces
from tasks.store.registries.statistics import save_storage
from tasks.store.session import run_in_transaction
from tests.console.browser import Browser, text_of
from tests.support.builders import PUBLIC, registry, space
from tests.tasks.store.registries.test_statistics import reading
from tests.tasks.store.tools import integrate

HOSTILE = '<script>alert("1")</script>\u202e"><img src=x onerror=alert(2)>'


async def test_without_registries_it_leads_to_the_form(browser: Browser) -> None:
    html = await browser.get("/")
    assert "No registries yet" in html
    assert 'href="/registries/-/new"' in html


async def test_totals_and_numbers_with_their_age(browser: Browser) -> None:
    integrate()
    run_in_transaction(spaces.save_spaces, "prod", [space("a", observed=PUBLIC, repositories=2)])
    storage = SpaceStorage(name="a", used=2**30, limit=2**31)
    run_in_transaction(save_storage, "prod", reading(storage), clock.now() - timedelta(hours=3))
    html = await browser.get("/")
    text = text_of(html)
    assert "1 registry" in text and "1 space 1 public, 0 private" in text
    assert "1.0 GiB of 2.0 GiB" in text and "3 hours ago" in text
    assert '<meter min="0" max="2147483648" value="1073741824"' in html
    assert 'href="/registries/prod"' in html


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["alpha", "beta", "gamma"]),
        ("?sort=-name", ["gamma", "beta", "alpha"]),
        ("?q=ALP", ["alpha"]),
        ("?type=docker", ["beta"]),
        ("?type=nonsense&sort=nonsense&page=-1", ["alpha", "beta", "gamma"]),
        ("?health=healthy", []),
        ("?origin=managed", []),
        ("?q=%00%27%22%3Cscript%3E", []),
    ],
)
async def test_the_table_is_sorted_and_filtered_by_the_server(
    browser: Browser, query: str, expected: list[str]
) -> None:
    for name in ("beta", "alpha", "gamma"):
        kind = Kind.DOCKER if name == "beta" else Kind.HARBOR
        integrate(registry(kind, name=name, address=f"http://{name}.test"))
    html = await browser.get(f"/{query}")
    table = html.partition('id="registries"')[2]
    rows = [row.partition('href="/registries/')[2] for row in table.split('<th scope="row">')[1:]]
    assert [row.partition('"')[0] for row in rows] == expected
    assert "<script>" not in html.replace('<script src="/static/refresh.js" defer></script>', "")


async def test_silence_is_a_banner_after_three_intervals(browser: Browser) -> None:
    integrate()
    assert "The service is silent" not in await browser.get("/")
    console = browser.app.state.console
    object.__setattr__(console, "started_at", clock.now() - timedelta(seconds=181))
    text = text_of(await browser.get("/"))
    assert "The service is silent" in text
    assert "No run of reconcile-all has ended; one is due every 60 seconds" in text


@pytest.mark.parametrize("path", ["/", "/registries/prod", "/workspaces", "/clusters", "/audit"])
async def test_every_page_says_that_the_service_is_silent(browser: Browser, path: str) -> None:
    integrate()
    console = browser.app.state.console
    object.__setattr__(console, "started_at", clock.now() - timedelta(seconds=181))
    assert "The service is silent" in await browser.get(path)


async def test_the_oldest_check_counts(browser: Browser) -> None:
    for name in ("alpha", "beta"):
        integrate(registry(name=name, address=f"http://{name}.test"))
    checked_at = {"alpha": clock.now() - timedelta(hours=3), "beta": clock.now()}

    def save(session: Session) -> None:
        for name, at in checked_at.items():
            session.get_one(RegistryRow, name).looked_at = at

    run_in_transaction(save)
    assert "Oldest check of a registry: 3 hours ago" in text_of(await browser.get("/"))


async def test_text_of_registries_stays_text(browser: Browser) -> None:
    integrate(registry(name="prod").model_copy(update={"description": HOSTILE}))
    _set_condition(HOSTILE + "x" * 10_000)
    html = await browser.get("/")
    assert "<script>alert" not in html and "<img" not in html
    assert "&lt;script&gt;alert" in html


@pytest.mark.parametrize(
    ("reachable", "missing_rights", "minutes", "expected"),
    [
        (True, [], 0, ""),
        (True, [], 4, "outdated"),
        (None, None, 0, ""),
        (False, None, 4, "unreachable"),
        (True, ["secrets: patch"], 0, "rights missing"),
    ],
)
async def test_a_cluster_with_a_problem_needs_attention(
    browser: Browser,
    reachable: bool | None,
    missing_rights: list[str] | None,
    minutes: int,
    expected: str,
) -> None:
    row = ClusterRow(
        name="prod-eu",
        reachable=reachable,
        reason=Reason.CONNECTED if reachable else Reason.TIMED_OUT,
        message=HOSTILE,
        missing_rights=missing_rights,
        looked_at=clock.now() - timedelta(minutes=minutes),
    )
    run_in_transaction(lambda session: session.add(row))
    html = await browser.get("/")
    assert ('href="/clusters/prod-eu"' in html) is bool(expected)
    assert expected in text_of(html) and "<script>alert" not in html


def _set_condition(message: str) -> None:
    row = ConditionRow(
        registry_name="prod",
        type="Reachable",
        status=ConditionStatus.FALSE,
        reason=Reason.UNREACHABLE,
        message=message,
        since=clock.now(),
    )
    run_in_transaction(lambda session: session.merge(row))
