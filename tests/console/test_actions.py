"""Each form starts the right flow with the right parameters, on a real Prefect server."""

from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow_async
from sqlmodel import Session

from deployments.console.pages import registry_actions
from flows.access.bind_space import bind_space
from flows.access.create_workspace import create_workspace
from flows.access.remove_workspace import remove_workspace
from flows.access.resolve_held_bindings import resolve_held_bindings
from flows.access.rotate_credentials import rotate_credentials
from flows.access.unbind_space import unbind_space
from flows.operations import bindings as binding_operations
from flows.operations import memberships
from flows.registries.create_space import create_space
from flows.registries.reconcile import reconcile_registry
from flows.registries.remove import remove_registry
from flows.registries.set_visibility import set_space_visibility
from models.access.binding import Workspace
from models.clusters.cluster import ClusterStatus
from models.clusters.membership import WorkspaceSource
from models.core.reasons import Reason
from models.registries.registry import Kind
from models.tables import NamespaceRow
from tasks.store.access import bindings, workspaces
from tasks.store.registries import spaces
from tasks.store.session import run_in_snapshot, run_in_transaction
from tasks.store.upsert import upsert
from tests.console.browser import Browser, deployed, text_of
from tests.support.access_builders import binding, cluster, namespace
from tests.support.builders import NOW, PUBLIC, registry, run_context, space
from tests.tasks.store.tools import integrate

_FLOWS: list[Flow[Any, Any]] = [
    bind_space,
    unbind_space,
    set_space_visibility,
    create_space,
    reconcile_registry,
    rotate_credentials,
    resolve_held_bindings,
    remove_registry,
    create_workspace,
    remove_workspace,
]
FLOWS = {item.name: item for item in _FLOWS}
RUN = run_context("run-1")


def _fill(session: Session) -> None:
    spaces.save_spaces(
        session, "prod", [space("team", observed=PUBLIC), space("shop"), space("late")]
    )
    state = ClusterStatus(reachable=True, reason=Reason.CONNECTED, since=NOW)
    memberships.add_or_update_cluster(session, cluster(), state, RUN)
    for name in ("team-a", "blue"):
        memberships.add_or_update_workspace(session, Workspace(name=name), [("eu", "shop")], RUN)
    row = namespace("shop", source=WorkspaceSource.LISTED).model_dump(exclude={"cluster"})
    upsert(session, NamespaceRow, [row | {"cluster_name": "eu"}])
    binding_operations.bind(session, [binding("team"), binding("shop")], RUN)


@pytest.fixture
async def filled(browser: Browser) -> Browser:
    integrate()
    integrate(registry(Kind.DOCKER, name="dev", address="http://docker.test"))
    run_in_transaction(_fill)
    return browser


Fields = dict[str, str | list[str]]
PROD, TEAM = "/registries/prod", "/workspaces/team-a"


CASES: list[tuple[str, Fields, str, dict[str, Any]]] = [
    (
        f"{PROD}/bind",
        {"space": ["team", "shop"], "workspace": ["blue", "team-a"]},
        "bind-space",
        {"registry": "prod", "spaces": ["team", "shop"], "workspaces": ["blue", "team-a"]},
    ),
    (
        f"{PROD}/bind",
        {"all_matches": "on", "q": "a", "state": "", "workspace": ["blue"]},
        "bind-space",
        {"registry": "prod", "spaces": ["late", "team"], "workspaces": ["blue"]},
    ),
    (
        f"{PROD}/unbind",
        {"space": ["team"], "workspace": ["team-a"]},
        "unbind-space",
        {
            "registry": "prod",
            "spaces": ["team"],
            "workspaces": ["team-a"],
            "allow_large": False,
            "dry_run": True,
        },
    ),
    (
        f"{PROD}/public",
        {"space": ["shop", "late"], "opened_spaces": "3"},
        "set-space-visibility",
        {
            "registry": "prod",
            "names": ["shop", "late"],
            "visibility": "public",
            "allow_large": False,
            "opened_spaces": 3,
        },
    ),
    (
        f"{PROD}/private",
        {"space": ["team"], "allow_large": "on"},
        "set-space-visibility",
        {
            "registry": "prod",
            "names": ["team"],
            "visibility": "private",
            "allow_large": True,
            "dry_run": True,
        },
    ),
    (
        f"{PROD}/spaces",
        {"names": " one\r\ntwo ", "visibility": "private"},
        "create-space",
        {"registry": "prod", "names": ["one", "two"], "visibility": "private"},
    ),
    (
        f"{PROD}/reconcile",
        {},
        "reconcile-registry",
        {"name": "prod", "allow_large": False, "dry_run": True},
    ),
    (
        f"{PROD}/rotate",
        {"workspace": "team-a"},
        "rotate-credentials",
        {"registry": "prod", "workspace": "team-a"},
    ),
    (f"{PROD}/rotate", {}, "rotate-credentials", {"registry": "prod"}),
    (
        f"{PROD}/held",
        {"binding": "team team-a", "action": "drop"},
        "resolve-held-bindings",
        {
            "registry": "prod",
            "action": "drop",
            "spaces": ["team"],
            "workspaces": ["team-a"],
            "dry_run": True,
        },
    ),
    (f"{PROD}/remove", {}, "remove-registry", {"name": "prod", "confirm": False}),
    (
        f"{TEAM}/bind",
        {"registry": "prod", "space": ["late"]},
        "bind-space",
        {"registry": "prod", "spaces": ["late"], "workspaces": ["team-a"]},
    ),
    (
        f"{TEAM}/unbind",
        {"binding": ["prod team", "prod shop"], "allow_large": "on"},
        "unbind-space",
        {
            "registry": "prod",
            "spaces": ["team", "shop"],
            "workspaces": ["team-a"],
            "allow_large": True,
            "dry_run": True,
        },
    ),
    (
        f"{TEAM}/remove",
        {},
        "remove-workspace",
        {"name": "team-a", "confirm": True, "dry_run": True},
    ),
    (
        f"{TEAM}/edit",
        {"description": "Shop", "namespaces": ["eu/shop"], "more_namespaces": "eu/x eu/y"},
        "create-workspace",
        {
            "name": "team-a",
            "description": "Shop",
            "namespaces": ["eu/shop", "eu/x", "eu/y"],
            "clusters": [],
            "service_accounts": "default",
            "dry_run": True,
        },
    ),
    (
        "/workspaces/-/new",
        {"name": "green", "clusters": ["eu"], "service_accounts": "all"},
        "create-workspace",
        {
            "name": "green",
            "description": "",
            "namespaces": [],
            "clusters": ["eu"],
            "service_accounts": "all",
        },
    ),
]


@pytest.mark.parametrize(("path", "fields", "flow", "parameters"), CASES)
async def test_a_form_starts_a_run(
    filled: Browser, path: str, fields: Fields, flow: str, parameters: dict[str, Any]
) -> None:
    async with deployed(FLOWS[flow]), get_client() as client:
        response = await filled.post(path, page=PROD, **fields)
        assert response.status_code == 303, text_of(response.text)
        location = urlsplit(response.headers["location"])
        run = await client.read_flow_run(UUID(location.path.removeprefix("/runs/")))
        assert (await client.read_flow(run.flow_id)).name == flow
    assert run.parameters == parameters
    back = parse_qs(location.query).get("back", ["/"])[0]
    assert back.startswith(("/registries/", "/workspaces"))


@pytest.mark.parametrize(
    ("path", "fields", "message"),
    [
        (f"{PROD}/bind", {"workspace": "blue"}, "Select at least one space"),
        (f"{PROD}/bind", {"space": "team"}, "Select at least one workspace"),
        (f"{PROD}/bind", {"space": "team", "workspace": "<b>"}, "not a valid name"),
        (f"{PROD}/public", {"space": "team", "opened_spaces": "-1"}, "is not a number"),
        (f"{PROD}/private", {}, "Select at least one space"),
        (f"{PROD}/spaces", {"names": " ", "visibility": "private"}, "at least one space"),
        (f"{PROD}/spaces", {"names": "a", "visibility": "secret"}, "'public' or 'private'"),
        (f"{PROD}/held", {"action": "burn"}, "action"),
        (f"{TEAM}/unbind", {"binding": ["prod a", "dev b"]}, "Select spaces of one registry"),
        (f"{TEAM}/unbind", {}, "Select at least one space"),
        (f"{TEAM}/bind", {"registry": "no such", "space": "a"}, "not a valid name"),
        ("/workspaces/-/new", {"name": "Team A"}, "not a valid name"),
        ("/workspaces/-/new", {"name": "blue"}, "A workspace of this name exists"),
    ],
)
async def test_an_invalid_form_starts_nothing(
    filled: Browser, path: str, fields: Fields, message: str
) -> None:
    response = await filled.post(path, page=PROD, **fields)
    assert response.status_code == 422
    assert message in text_of(response.text)
    assert "<b>" not in response.text


@pytest.mark.parametrize("action", ["bind", "unbind", "public", "private"])
async def test_a_list_that_is_too_long_for_one_run_is_not_cut(
    filled: Browser, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setattr(registry_actions, "MAX_SPACES", 2)
    fields: Fields = {"all_matches": "on", "workspace": "blue"}
    response = await filled.post(f"{PROD}/{action}", page=PROD, **fields)
    assert response.status_code == 422
    assert "The list has more than 2 spaces: narrow it." in text_of(response.text)


async def test_a_form_that_comes_back_keeps_its_values(filled: Browser) -> None:
    fields: Fields = {"name": "Team A", "description": 'A "b" <i>', "namespaces": ["eu/shop"]}
    html = (await filled.post("/workspaces/-/new", page=PROD, **fields)).text
    assert 'value="Team A"' in html and 'value="A &#34;b&#34; &lt;i&gt;"' in html
    assert '<option value="eu/shop" selected>' in html


@pytest.mark.parametrize(
    ("path", "suggestion"),
    [
        ("/registries/prd/bind", "prod"),
        ("/registries/prd/remove", "prod"),
        ("/workspaces/team/unbind", "team-a"),
        ("/workspaces/team/edit", "team-a"),
    ],
)
async def test_a_form_of_an_unknown_name_asks_back(
    filled: Browser, path: str, suggestion: str
) -> None:
    response = await filled.post(path, page=PROD)
    assert response.status_code == 404
    assert f"Did you mean {suggestion} ?" in text_of(response.text)


async def test_back_leads_to_the_page_of_the_form_only(filled: Browser) -> None:
    async with deployed(reconcile_registry):
        await _check_back(filled)


async def _check_back(filled: Browser) -> None:
    for back in ("//evil.test/", "https://evil.test", "/registries/other", "/registries/prod/x"):
        response = await filled.post(f"{PROD}/reconcile", page=PROD, back=back)
        assert parse_qs(urlsplit(response.headers["location"]).query)["back"] == [PROD]
    response = await filled.post(f"{PROD}/reconcile", page=PROD, back=f"{PROD}?q=a&page=2")
    assert parse_qs(urlsplit(response.headers["location"]).query)["back"] == [f"{PROD}?q=a&page=2"]


@pytest.mark.parametrize(
    ("path", "fields", "flow_name", "texts"),
    [
        (f"{PROD}/private", {"space": ["team"]}, "set-space-visibility", ["team", "team-a"]),
        (f"{TEAM}/remove", {}, "remove-workspace", ["2 bindings would be removed", "eu/shop"]),
        (
            f"{TEAM}/edit",
            {"namespaces": [], "clusters": []},
            "create-workspace",
            ["1 namespace would leave and lose its access", "eu/shop"],
        ),
    ],
)
async def test_a_preview_changes_nothing_and_leads_to_the_change(
    filled: Browser, path: str, fields: Fields, flow_name: str, texts: list[str]
) -> None:
    before = run_in_snapshot(_state)
    async with deployed(FLOWS[flow_name]), get_client() as client:
        response = await filled.post(path, page=PROD, **fields)
        page = response.headers["location"]
        run = await client.read_flow_run(UUID(urlsplit(page).path.removeprefix("/runs/")))
        await run_flow_async(
            FLOWS[flow_name], flow_run=run, parameters=run.parameters, return_type="state"
        )
        text = text_of(await filled.get(page))
        again = await filled.post(f"{urlsplit(page).path}/now", page=page)
        location = urlsplit(again.headers["location"]).path.removeprefix("/runs/")
        second = await client.read_flow_run(UUID(location))
    for expected in [*texts, "dry run: nothing was changed", " now"]:
        assert expected in text
    assert run_in_snapshot(_state) == before
    assert second.parameters == run.parameters | {"dry_run": False}


def _state(session: Session) -> tuple[Any, ...]:
    return (
        workspaces.list_workspaces(session),
        workspaces.list_listed_namespaces(session),
        bindings.list_bindings(session),
        spaces.list_spaces(session, "prod"),
    )
