"""The page of a registry: what it shows."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from flows.operations import bindings as binding_operations
from flows.operations import memberships
from models.access.binding import Workspace
from models.clusters.cluster import ClusterStatus
from models.core.audit import AuditEntry
from models.core.reasons import Reason
from models.registries.condition import ConditionStatus, ConditionType
from models.registries.observation import SpaceStorage
from models.registries.registry import BlockRef, EnvironmentRef, FileRef, Kind
from tasks import clock
from tasks.store import audit
from tasks.store.access import clusters
from tasks.store.registries import registries, robots, spaces
from tasks.store.registries.statistics import save_storage
from tasks.store.session import run_in_transaction
from tests.console.browser import Browser, text_of
from tests.support.access_builders import binding, cluster, robot_account
from tests.support.builders import PRIVATE, PUBLIC, condition, registry, run_context, space
from tests.tasks.store.registries.test_statistics import reading
from tests.tasks.store.tools import integrate

HOSTILE = '<script>alert("1")</script>\u202e"><img src=x onerror=alert(2)>'
RUN = run_context("00000000-0000-0000-0000-000000000001")


def _fill(session: Session) -> None:
    now = clock.now()
    spaces.save_spaces(
        session,
        "prod",
        [
            space("team", observed=PUBLIC, desired=PRIVATE, repositories=3),
            space("shop", observed=PRIVATE, desired=PRIVATE),
            space("gone", missing_since=now - timedelta(hours=2)),
            space("fresh", desired=PRIVATE, observed=None, declared=True),
            space("free", observed=PUBLIC),
        ],
    )
    state = condition(
        ConditionType.AUTHENTICATED,
        ConditionStatus.FALSE,
        Reason.UNAUTHORIZED,
        "the password is refused",
        since=now - timedelta(hours=5),
    )
    registries.save_conditions(session, "prod", [state])
    for name in ("team-a", "blue"):
        memberships.add_or_update_workspace(session, Workspace(name=name), (), RUN)
    binding_operations.bind(
        session, [binding("team"), binding("shop"), binding("gone", "blue")], RUN
    )
    binding_operations.hold(session, "prod", {"gone": "it was recreated"}, RUN)
    robots.save_robot(session, robot_account(1, "team", made_at=now - timedelta(days=3)), "x")
    robots.save_robot(session, robot_account(2, workspace="", login="robot$observer"), "x")
    audit.append(session, "prod", [AuditEntry(subject="team", action="space.drifted")], RUN)


@pytest.fixture
async def filled(browser: Browser) -> Browser:
    integrate()
    run_in_transaction(_fill)
    storage = SpaceStorage(name="shop", used=2**30, limit=2**31)
    run_in_transaction(save_storage, "prod", reading(storage), clock.now() - timedelta(hours=3))
    return browser


async def test_health_conditions_and_facts(filled: Browser) -> None:
    text = text_of(await filled.get("/registries/prod"))
    assert "prod unhealthy" in text
    assert "Authenticated false Unauthorized the password is refused 5 hours ago" in text
    assert "http://registry.test" in text
    assert "Privacy enforced: the registry rejects unauthorized pulls from private spaces" in text
    assert "Drift policy enforce" in text
    assert "Credentials none" in text


async def test_spaces_with_state_storage_and_bindings(filled: Browser) -> None:
    html = await filled.get("/registries/prod")
    text = text_of(html)
    assert "team public desired private, observed public drifted 3 unknown 1" in text
    assert "1.0 GiB of 2.0 GiB 50 % 1" in text
    assert '<meter min="0" max="2147483648" value="1073741824"' in html
    assert "missing since 2 hours ago" in text
    assert "not created" in text
    assert text.count("not managed") >= 1


async def test_access_with_robot_accounts_and_held_bindings(filled: Browser) -> None:
    html = await filled.get("/registries/prod")
    text = text_of(html)
    assert "2 bindings; 1 not in force" in text
    assert "1 space, secret created 3 days ago 1 not yet for example: the registry is" in text
    assert "observes the registry as robot$observer , which has no permission to pull" in text
    assert "Held bindings (1)" in text and "it was recreated" in text
    assert 'href="/workspaces/team-a"' in html


async def test_history(filled: Browser) -> None:
    html = await filled.get("/registries/prod")
    assert "api space.drifted team" in text_of(html)
    assert 'href="/runs/00000000-0000-0000-0000-000000000001"' in html


async def test_commands_of_a_space_are_ready_to_copy(filled: Browser) -> None:
    html = await filled.get("/registries/prod?space=team")
    assert "<code>docker pull registry.test/team/IMAGE:TAG</code>" in html
    assert "docker push registry.test/team/IMAGE:TAG" in html
    assert "Every namespace, without a login: the space is public" in text_of(html)
    assert "docker pull" not in await filled.get("/registries/prod?space=nope")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", "free fresh gone shop team"),
        ("?q=te", "team"),
        ("?q=%25", ""),
        ("?visibility=public", "free team"),
        ("?state=drifted", "team"),
        ("?state=missing", "gone"),
        ("?state=not-created", "fresh"),
        ("?bound=yes", "gone shop team"),
        ("?bound=no", "free fresh"),
        ("?sort=-name", "team shop gone fresh free"),
        ("?sort=-storage", "shop free fresh gone team"),
        ("?sort=x&page=-1&rows=x&state=%3Cb%3E", "free fresh gone shop team"),
        ("?page=2", ""),
    ],
)
async def test_spaces_are_searched_filtered_and_sorted(
    filled: Browser, query: str, names: str
) -> None:
    html = await filled.get(f"/registries/prod{query}")
    found = [part.partition('"')[0] for part in html.split('name="space" value="')[1:]]
    assert found == names.split()


async def test_spaces_are_paged(browser: Browser) -> None:
    integrate()
    run_in_transaction(
        spaces.save_spaces, "prod", [space(f"space-{number:03d}") for number in range(120)]
    )
    html = await browser.get("/registries/prod?q=space&page=3")
    assert html.count('name="space" value="') == 20
    assert "120 spaces, page 3 of 3" in text_of(html)
    assert 'href="/registries/prod?q=space&amp;page=2"' in html
    html = await browser.get("/registries/prod?rows=200")
    assert html.count('name="space" value="') == 120


async def test_hostile_text_stays_text(browser: Browser) -> None:
    integrate(registry(name="prod").model_copy(update={"description": HOSTILE}))
    name = "x" * 200 + '"><script>alert(3)</script>'
    run_in_transaction(spaces.save_spaces, "prod", [space(name)])
    state = condition(status=ConditionStatus.FALSE, message=HOSTILE + "y" * 10_000)
    run_in_transaction(registries.save_conditions, "prod", [state])
    entry = AuditEntry(subject=HOSTILE, action="space.drifted", reason=HOSTILE)
    run_in_transaction(audit.append, "prod", [entry], RUN)
    html = await browser.get("/registries/prod", status=200)
    html += await browser.get("/registries/prod?q=%22%3E%3Cscript%3E&space=%3Cscript%3E&wq=%3Cb%3E")
    assert "<script>alert" not in html and "<img" not in html
    assert "&lt;script&gt;alert" in html


async def test_a_docker_registry_says_what_its_pull_user_opens(browser: Browser) -> None:
    spec = registry(Kind.DOCKER, name="prod", address="http://docker.test")
    integrate(spec.model_copy(update={"pull_credential": BlockRef(name="puller")}))
    run_in_transaction(
        spaces.save_spaces,
        "prod",
        [space("a", observed=None, desired=PUBLIC), space("b", observed=None)],
    )
    check = condition(ConditionType.PULL_USER_VALID, ConditionStatus.FALSE, message="refused")
    run_in_transaction(registries.save_conditions, "prod", [check])
    text = text_of(await browser.get("/registries/prod"))
    assert "Every namespace of every cluster can pull from all spaces , 1 private space" in text
    assert "The pull-only user is not delivered: refused" in text
    assert "receive the pull-only user: block puller . Privacy is advisory" in text
    assert "Rotate credentials" not in text


async def test_an_unknown_registry_is_asked_back(filled: Browser) -> None:
    html = await filled.get("/registries/prd", status=404)
    assert "There is no registry named 'prd'" in text_of(html)
    assert 'Did you mean <a href="/registries/prod">prod</a>?' in html
    assert "Did you mean" not in await filled.get("/registries/nexus", status=404)


@pytest.mark.parametrize(
    ("credential", "text"),
    [
        (BlockRef(name="a"), "block a"),
        (
            EnvironmentRef(name="REGISTRY_CREDENTIAL_A"),
            "environment variable REGISTRY_CREDENTIAL_A",
        ),
        (FileRef(name="a/b"), "file a/b"),
    ],
)
async def test_credentials_are_named_with_what_holds_them(
    browser: Browser, credential: BlockRef | EnvironmentRef | FileRef, text: str
) -> None:
    spec = registry(Kind.DOCKER, name="dev").model_copy(
        update={"pull_credential": credential, "credential": credential}
    )
    integrate(spec)
    html = text_of(await browser.get("/registries/dev"))
    assert f"the pull-only user: {text} ." in html
    assert f"Credentials {text} TLS" in html


async def test_a_registry_and_a_cluster_named_new_have_a_page(browser: Browser) -> None:
    for place in ("registries", "clusters"):
        response = await browser.client.get(f"/{place}/new")
        assert (response.status_code, response.headers["location"]) == (303, f"/{place}/-/new")
        assert "<form" in await browser.get(f"/{place}/-/new")
    integrate(registry(name="new"))
    assert "<h1>new" in await browser.get("/registries/new")
    context = run_context("run-1")
    run_in_transaction(clusters.save_cluster, cluster("new"), ClusterStatus(), [], context)
    assert "<h1>new" in await browser.get("/clusters/new")
