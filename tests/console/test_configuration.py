"""What configuration files own is shown where it can be changed; and the export."""

from sqlmodel import Session

from flows.operations import bindings as binding_operations
from flows.operations import memberships
from models.access.binding import Workspace
from models.clusters.cluster import ClusterStatus
from models.configuration.parse import parse_document
from models.configuration.things import DROPPED, Mark, ThingKey, ThingKind
from models.registries.registry import BlockRef, DriftPolicy
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.configuration import save_marks
from tasks.store.registries import registries, spaces
from tasks.store.session import run_in_transaction
from tests.console.browser import Browser, text_of
from tests.support.access_builders import binding, cluster
from tests.support.builders import PRIVATE, registry, run_context, space
from tests.tasks.store.tools import INTEGRATED, integrate

RUN = run_context("00000000-0000-0000-0000-000000000001")
REGISTRY = ThingKey(ThingKind.REGISTRY, "prod")
WORKSPACE = ThingKey(ThingKind.WORKSPACE, "team-a")
CLUSTER = ThingKey(ThingKind.CLUSTER, "eu")
SPACE = ThingKey(ThingKind.SPACE, "team", "prod")
BINDING = ThingKey(ThingKind.BINDING, "team", "prod", "team-a")
OWNED = {
    key: Mark(file="platform/<b>red.yaml", line=line, digest="d")
    for line, key in enumerate((REGISTRY, WORKSPACE, CLUSTER, SPACE, BINDING), 11)
}
PLACES = {key: f"platform/<b>red.yaml:{mark.line}" for key, mark in OWNED.items()}


def _fill(session: Session) -> None:
    spaces.save_spaces(session, "prod", [space("team", desired=PRIVATE), space("free")])
    memberships.add_or_update_cluster(session, cluster(), ClusterStatus(), RUN)
    for name in ("team-a", "blue"):
        memberships.add_or_update_workspace(session, Workspace(name=name), (), RUN)
    bound = [binding("team"), binding("free"), binding("team", "blue")]
    binding_operations.bind(session, bound, RUN)


def _own(policy: DriftPolicy = DriftPolicy.ENFORCE) -> None:
    integrate(registry(credential=BlockRef(name="console-export")))
    run_in_transaction(_fill)
    record = run_in_transaction(registries.get_registry, "prod").registry
    changed = record.model_copy(update={"drift_policy": policy})
    run_in_transaction(registries.replace_registry, changed, INTEGRATED, RUN)
    run_in_transaction(save_marks, OWNED)


async def test_each_page_has_file_and_line_of_what_it_shows(browser: Browser) -> None:
    _own()
    expected = {
        "/registries/prod": ("red.yaml , line 11.", PLACES[SPACE]),
        "/registries/prod?space=team": (PLACES[BINDING],),
        "/workspaces/team-a": ("red.yaml , line 12.", f"team in {PLACES[BINDING]}"),
        "/clusters/eu": ("red.yaml , line 13.",),
    }
    for page, texts in expected.items():
        html = await browser.get(page)
        assert "<b>" not in html
        for text in texts:
            assert text in text_of(html), page
    text = text_of(await browser.get("/registries/prod?space=team"))
    assert text.count(PLACES[SPACE]) == text.count(PLACES[BINDING]) == 1  # not those of others
    assert "files declare 1 space and 1 binding of this registry." in text
    assert "red.yaml" not in await browser.get("/workspaces/blue")


async def test_forms_of_owned_things_warn_what_becomes_of_the_change(browser: Browser) -> None:
    pages = ("/registries/prod", "/workspaces/team-a", "/clusters/eu")
    forms = ("/registries/prod/edit", "/workspaces/team-a/edit", "/clusters/-/new?name=eu")
    _own()
    for page in (*pages, *forms):
        html = text_of(await browser.get(page))
        assert "Change it there: apply-configuration sets a change by hand back." in html, page
    run_in_transaction(save_marks, dict.fromkeys(OWNED, Mark(file="a.yaml", line=1, digest="")))
    for page in ("/workspaces/-/new", "/clusters/-/new", "/registries/-/new"):
        assert "sets a change by hand back" not in await browser.get(page)


async def test_drift_of_a_registry_that_only_reports_is_not_set_back(browser: Browser) -> None:
    _own(DriftPolicy.REPORT)
    for page in ("/registries/prod", "/registries/prod/edit"):
        text = text_of(await browser.get(page))
        assert "set it back, because the drift policy is report" in text
        assert "sets a change by hand back" not in text
        assert "integrates it again" not in text
    assert "sets a change by hand back" in await browser.get("/workspaces/team-a")


async def test_what_nothing_owns_is_shown_as_before(browser: Browser) -> None:
    integrate()
    run_in_transaction(_fill)
    dropped = ThingKey(ThingKind.BINDING, "gone", "dev", "team-a")
    run_in_transaction(save_marks, {dropped: Mark(file="a.yaml", line=1, digest=DROPPED)})
    for page in ("/registries/prod", "/registries/prod/edit", "/workspaces/team-a", "/clusters/eu"):
        assert "apply-configuration" not in await browser.get(page)


async def test_the_export_is_a_document_without_secrets(browser: Browser) -> None:
    block = RegistryCredentials(username="admin", password="hunter2-export")
    await block.save("console-export", overwrite=True)
    _own()
    assert 'href="/configuration.yaml"' in await browser.get("/")
    response = await browser.client.get("/configuration.yaml")
    assert response.headers["content-type"].startswith("application/yaml")
    disposition = response.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="configuration-')
    assert disposition.endswith('.yaml"')
    assert "hunter2" not in response.text
    parsed, errors = parse_document(response.text, "export.yaml")
    assert errors == ()
    assert parsed is not None
    assert parsed.document.registries["prod"].credential is not None
    assert parsed.document.registries["prod"].credential.block == "console-export"
    assert {*parsed.document.workspaces} == {"team-a", "blue"}
    assert {entry.registry for entry in parsed.document.bindings} == {"prod"}
