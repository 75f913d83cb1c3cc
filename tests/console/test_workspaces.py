"""The pages of workspaces: what they show."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from flows.operations import bindings as binding_operations
from flows.operations import memberships
from models.access.binding import Workspace
from models.clusters.cluster import ClusterStatus
from models.clusters.pull_secret import PullSecretState
from models.core.reasons import Reason
from models.registries.registry import Kind
from models.tables import NamespaceRow, PullSecretRow
from tasks import clock
from tasks.store.registries import robots, spaces
from tasks.store.session import run_in_transaction
from tasks.store.upsert import upsert
from tests.console.browser import Browser, text_of
from tests.support.access_builders import (
    binding,
    cluster,
    login,
    namespace,
    pull_secret_status,
    robot_account,
)
from tests.support.builders import registry, run_context, space
from tests.tasks.store.tools import integrate

HOSTILE = '<script>alert("1")</script>\u202e"><img src=x onerror=alert(2)>'
RUN = run_context("00000000-0000-0000-0000-000000000001")


def _fill(session: Session) -> None:
    spaces.save_spaces(session, "prod", [space("team"), space("shop"), space("late")])
    state = ClusterStatus(reachable=True, reason=Reason.CONNECTED, since=clock.now())
    memberships.add_or_update_cluster(session, cluster(), state, RUN)
    listed = [("eu", "shop"), ("eu", "lost")]
    memberships.add_or_update_workspace(
        session, Workspace(name="team-a", description="Payments"), listed, RUN
    )
    memberships.add_or_update_workspace(session, Workspace(name="blue"), (), RUN)
    binding_operations.bind(
        session, [binding("team"), binding("late"), binding("/", registry="dev")], RUN
    )
    made_at = clock.now() - timedelta(days=3)
    robots.save_robot(session, robot_account(1, "team", made_at=made_at), "x")
    members = [
        namespace("shop"),
        namespace("till"),
        namespace("lost", None, problem=Reason.WORKSPACE_CONFLICT, message="two workspaces"),
    ]
    for member in members:
        row = member.model_dump(exclude={"cluster"})
        upsert(session, NamespaceRow, [row | {"cluster_name": "eu"}])
    refused = pull_secret_status(
        "till", PullSecretState.REFUSED, Reason.FOREIGN_SECRET, "delete it", logins=()
    )
    for secret in (pull_secret_status("shop", logins=(login(),)), refused):
        row = secret.model_dump(exclude={"cluster"})
        upsert(session, PullSecretRow, [row | {"cluster_name": "eu"}])


@pytest.fixture
async def filled(browser: Browser) -> Browser:
    integrate()
    integrate(registry(Kind.DOCKER, name="dev", address="http://docker.test"))
    run_in_transaction(_fill)
    return browser


async def test_the_list(filled: Browser) -> None:
    html = await filled.get("/workspaces")
    text = text_of(html)
    assert "team-a Payments 2 3 in 2 registries 2 of 3 not in force by hand default" in text
    assert "blue 0 0 no bindings yet by hand default" in text
    assert 'href="/workspaces/team-a"' in html


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", "blue team-a"),
        ("?sort=-name", "team-a blue"),
        ("?sort=-spaces", "team-a blue"),
        ("?sort=namespaces", "blue team-a"),
        ("?q=PAYM", "team-a"),
        ("?q=%25", ""),
        ("?sort=x&page=0&q=%00zz", ""),
    ],
)
async def test_the_list_is_searched_and_sorted(filled: Browser, query: str, names: str) -> None:
    html = await filled.get(f"/workspaces{query}")
    rows = html.split('<th scope="row"><a href="/workspaces/')[1:]
    assert [row.partition('"')[0] for row in rows] == names.split()


async def test_what_a_workspace_may_pull_and_why(filled: Browser) -> None:
    html = await filled.get("/workspaces/team-a")
    text = text_of(html)
    assert "Workspace team-a 2 of 3 not in force" in text and "Payments" in text
    assert "the registry is unknown" in text or "cannot pull the space yet" in text
    assert "eu/till: ForeignSecret, delete it" in text
    assert "in force time recorded at the next sync" in text  # dev has no pull-only user
    assert 'href="/registries/prod?space=team"' in html
    pending = text_of(await filled.get("/workspaces/team-a?pending=yes"))
    assert "time recorded at the next sync" not in pending
    assert "2 spaces" in pending


async def test_namespaces_with_pull_secrets_and_refused_ones(filled: Browser) -> None:
    text = text_of(await filled.get("/workspaces/team-a"))
    assert "eu /till label refused ForeignSecret: delete it –" in text
    assert "eu /shop label delivered Delivered prod" in text
    assert "Listed, but not members (1)" in text
    assert "eu/lost WorkspaceConflict: two workspaces" in text


async def test_registries_and_their_logins(filled: Browser) -> None:
    text = text_of(await filled.get("/workspaces/team-a"))
    assert "1 space, secret created 3 days ago enforced" in text
    assert "dev 1 none: no pull-only credentials are configured advisory" in text


async def test_spaces_to_bind_are_chosen(filled: Browser) -> None:
    html = await filled.get("/workspaces/team-a?registry=prod&sq=a")
    assert "<option>late</option>" in html and "<option>team</option>" in html
    assert "<option>shop</option>" not in html
    assert "<option selected>prod</option>" in html
    assert "No space matches" in await filled.get("/workspaces/team-a?registry=%3Cb%3E")


async def test_hostile_text_stays_text(browser: Browser) -> None:
    run_in_transaction(
        memberships.add_or_update_workspace,
        Workspace(name="team-a", description=HOSTILE + "x" * 10_000),
        (),
        RUN,
    )
    html = await browser.get("/workspaces?q=%3Cscript%3Ealert")
    html += await browser.get(
        "/workspaces/team-a?q=%3Cscript%3Ealert(1)&sq=%22%3E%3Cimg&registry=%22%3E%3Cimg"
    )
    html += await browser.get("/workspaces/team-a/edit?nq=%22%3E%3Cscript%3Ealert")
    assert "<script>alert" not in html and "<img" not in html
    assert "&lt;script&gt;alert" in html


async def test_an_unknown_workspace_is_asked_back(filled: Browser) -> None:
    for path in ("/workspaces/taem-a", "/workspaces/taem-a/edit"):
        html = await filled.get(path, status=404)
        assert 'Did you mean <a href="/workspaces/team-a">team-a</a>?' in html
    assert "Did you mean" not in await filled.get("/workspaces/zzz", status=404)


async def test_the_form_shows_what_is_on_record(filled: Browser) -> None:
    html = await filled.get("/workspaces/team-a/edit")
    assert '<option value="eu/shop" selected>' in html and '<option value="eu/till">' in html
    assert 'value="Payments"' in html
    assert '<option value="eu">' in html
    assert "Create a workspace" in await filled.get("/workspaces/-/new")
