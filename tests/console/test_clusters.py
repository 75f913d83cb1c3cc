"""The pages of clusters."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.states import Failed
from pydantic import SecretStr

from deployments.console.previews import find_preview
from flows.clusters.register_cluster import register_cluster
from flows.clusters.remove_cluster import remove_cluster
from flows.clusters.sync_namespaces import sync_namespaces
from flows.discovery.integrate_managed import integrate_managed_harbor
from flows.registries.remove import remove_registry
from models.clusters.cluster import ClusterStatus
from models.clusters.pull_secret import PullSecretState
from models.core.reasons import Reason
from models.core.runs.context import RunContext
from models.discovery.managed_harbor import AdoptionState, HarborRef, HarborSourceKind
from models.discovery.managed_harbor import ManagedHarborRecord as Record
from models.registries.registry import BlockRef, EnvironmentRef
from models.tables import NamespaceRow, PullSecretRow
from tasks import clock
from tasks.prefect.flow_runs import get_run
from tasks.secrets.cluster_credentials import list_saved_kubeconfigs
from tasks.secrets.form_blocks import discard_form_credentials, save_form_kubeconfig
from tasks.store.access import clusters, managed_harbors
from tasks.store.session import run_in_transaction
from tests.console.browser import Browser, fields_of, text_of
from tests.support.access_builders import cluster

HOSTILE = '<script>alert("1")</script>\u202e"><img src=x onerror=alert(2)>'


def _save_cluster(name: str = "eu", **status: Any) -> None:
    fields = {"reachable": True, "reason": Reason.DELIVERED, "looked_at": clock.now()} | status
    context = RunContext(now=clock.now())
    state = ClusterStatus().model_copy(update=fields)
    run_in_transaction(clusters.save_cluster, cluster(name), state, [], context)


def _save_namespaces(count: int, name: str = "eu") -> None:
    def save(session: Any) -> None:
        for number in range(count):
            namespace = f"ns-{number:04d}"
            row = NamespaceRow(cluster_name=name, name=namespace, uid="u", workspace="shop")
            session.add(row)
            is_refused = number == count - 1
            session.add(
                PullSecretRow(
                    cluster_name=name,
                    namespace=namespace,
                    status=PullSecretState.REFUSED if is_refused else PullSecretState.DELIVERED,
                    logins=[],
                    links=[],
                    repairs=[],
                    reason=Reason.FORBIDDEN if is_refused else Reason.DELIVERED,
                    message=HOSTILE if is_refused else "",
                )
            )

    run_in_transaction(save)


def _save_harbor(name: str, state: AdoptionState, registry: str = "") -> None:
    ref = HarborRef(cluster="eu", namespace="prod", name=name, kind=HarborSourceKind.HELM)
    record = Record(ref=ref, uid="u", state=state, registry=registry, message=HOSTILE)
    run_in_transaction(managed_harbors.save_harbor_records, [record])


async def _deploy(*flows: Flow[Any, Any]) -> None:
    async with get_client() as client:
        for flow in flows:
            await client.create_deployment(await client.create_flow(flow), "default")


async def test_no_cluster_yet(browser: Browser) -> None:
    assert "No clusters yet" in await browser.get("/clusters")


async def test_the_list_has_figures_and_is_searched(browser: Browser) -> None:
    _save_cluster()
    _save_cluster("us", reachable=False, reason=Reason.TIMED_OUT)
    _save_namespaces(3)
    _save_harbor("a", AdoptionState.WAITING)
    text = text_of(await browser.get("/clusters"))
    assert "eu reachable 3 3 in workspaces 2 of 3 1 refused 1 waiting" in text
    assert "us unreachable TimedOut 0 0 in workspaces 0 of 0 none" in text
    assert 'href="/clusters/us"' not in await browser.get("/clusters?q=E")
    assert "No cluster matches" in await browser.get("/clusters?q=%25")


async def test_a_cluster_that_cannot_be_read_says_so(browser: Browser) -> None:
    since = clock.now() - timedelta(hours=3)
    _save_cluster(reachable=False, reason=Reason.TIMED_OUT, message=HOSTILE, since=since)
    html = await browser.get("/clusters/eu")
    assert "no pull secret is written or deleted" in text_of(html)
    assert "TimedOut, for 3 hours" in text_of(html)
    assert "<script>alert" not in html


async def test_missing_rights_have_the_rule_to_add(browser: Browser) -> None:
    missing = ('patch secrets "registry-integration"', 'delete secrets "registry-integration"')
    _save_cluster(missing_rights=missing)
    text = text_of(await browser.get("/clusters/eu"))
    rule = "resources: [secrets] resourceNames: [registry-integration] verbs: [patch, delete]"
    assert rule in text


async def test_namespaces_that_need_attention_are_first(browser: Browser) -> None:
    _save_cluster()
    _save_namespaces(120)
    html = await browser.get("/clusters/eu")
    assert html.index("ns-0119") < html.index("ns-0000")
    assert "page 1 of 3" in text_of(html)
    assert "<script>alert" not in html
    assert "ns-0007" in await browser.get("/clusters/eu?q=NS-0007")
    assert 'href="/explain?cluster=eu&amp;namespace=ns-0119"' in html


async def test_a_misspelt_cluster_is_not_found(browser: Browser) -> None:
    _save_cluster("production")
    text = text_of(await browser.get("/clusters/prodution", 404))
    assert "There is no cluster named 'prodution'." in text
    assert "Did you mean production" in text
    response = await browser.post("/clusters/prodution/sync", page="/clusters/production")
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("action", "fields", "flow", "parameters"),
    [
        ("sync", {}, sync_namespaces, {"only": ["eu"]}),
        ("sync", {"preview": "on"}, sync_namespaces, {"only": ["eu"], "dry_run": True}),
        ("remove", {}, remove_cluster, {"name": "eu", "confirm": False}),
        ("exclude", {"registry": "harbor"}, remove_registry, {"name": "harbor", "confirm": False}),
        (
            "adopt",
            {"namespace": "prod", "harbor": "a", "adopt_again": "on"},
            integrate_managed_harbor,
            {
                "cluster": "eu",
                "namespace": "prod",
                "name": "a",
                "adopt_again": True,
                "take_over": False,
            },
        ),
    ],
)
async def test_actions_start_flows(
    browser: Browser,
    action: str,
    fields: dict[str, str],
    flow: Flow[Any, Any],
    parameters: dict[str, Any],
) -> None:
    _save_cluster()
    await _deploy(flow)
    response = await browser.post(f"/clusters/eu/{action}", page="/clusters/eu", **fields)
    assert response.status_code == 303, response.text
    path = response.headers["location"].partition("?")[0]
    run = await get_run(path.removeprefix("/runs/"))
    assert run is not None
    assert (run.flow, run.parameters) == (flow.name, parameters)
    if action in ("remove", "exclude") or "preview" in fields:  # it changes nothing yet
        completed = run.model_copy(update={"state": "COMPLETED"})
        assert find_preview(completed) is not None


async def test_harbors_are_adopted_or_excluded(browser: Browser) -> None:
    _save_cluster()
    _save_harbor("a", AdoptionState.ADOPTED, "harbor-a")
    _save_harbor("b", AdoptionState.EXCLUDED)
    _save_harbor("c", AdoptionState.CONFLICT)
    html = await browser.get("/clusters/eu")
    for label in ("Exclude prod/a", "Adopt prod/b", "Adopt prod/c", "Take over prod/c"):
        assert f'aria-label="{label}"' in html
    assert 'aria-label="Adopt prod/a"' not in html
    assert "<script>alert" not in html
    assert html.index("prod/c") < html.index("prod/a")  # it needs a decision


async def test_a_cluster_is_registered_by_its_form(browser: Browser) -> None:
    await _deploy(register_cluster)
    assert "Register a cluster" in await browser.get("/clusters/-/new")
    fields = {"name": "eu", "credentials": "", "description": "Europe"}
    response = await browser.post("/clusters/-/new", page="/clusters/-/new", **fields)
    assert response.status_code == 303, response.text
    run = await get_run(response.headers["location"].partition("?")[0].removeprefix("/runs/"))
    assert run is not None
    assert run.parameters == {
        "name": "eu",
        "credentials": None,
        "link_service_accounts": False,
        "description": "Europe",
        "replace": False,
    }


def _kubeconfig(token: str) -> str:
    document = {
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://k.example.com"}}],
        "users": [{"name": "u", "user": {"token": token}}],
    }
    return json.dumps(document, indent=1)


async def _saved_kubeconfigs() -> list[str]:
    names = await list_saved_kubeconfigs()
    return [name for name in names if name.startswith("pasted")]


async def test_a_kubeconfig_is_saved_and_deleted_again_if_the_run_fails(browser: Browser) -> None:
    await _deploy(register_cluster)
    token = "t-0123456789-secret"
    fields = {"name": "pasted", "credentials": "", "kubeconfig": _kubeconfig(token)}
    response = await browser.post("/clusters/-/new", page="/clusters/-/new", **fields)
    assert response.status_code == 303, response.text
    run_id = response.headers["location"].partition("?")[0].removeprefix("/runs/")
    run = await get_run(run_id)
    assert run is not None and token not in str(run.parameters)
    page = f"/runs/{run_id}"
    await browser.get(page)
    assert await _saved_kubeconfigs() == ["pasted"]
    async with get_client() as client:
        await client.set_flow_run_state(UUID(run_id), Failed(message="no"), force=True)
    assert token not in await browser.get(page)
    assert await _saved_kubeconfigs() == []


async def test_the_kubeconfig_of_a_registered_cluster_is_kept(browser: Browser) -> None:
    block_id = await save_form_kubeconfig("pasted", SecretStr(_kubeconfig("t")))
    spec = cluster("eu").model_copy(update={"credential": BlockRef(name="pasted")})
    context = RunContext(now=clock.now())
    run_in_transaction(clusters.save_cluster, spec, ClusterStatus(), [], context)
    assert not await discard_form_credentials(block_id)
    run_in_transaction(clusters.save_cluster, cluster("eu"), ClusterStatus(), [], context)
    assert await discard_form_credentials(block_id)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"credentials": "saved"}, "not both"),
        ({"kubeconfig": "t-0123456789-secret"}, "is not a YAML or JSON mapping"),
        ({"kubeconfig": _kubeconfig("t-0123456789-secret x")}, "the token has spaces"),
        ({"name": "Not A Name"}, "is not a valid name"),
    ],
)
async def test_a_kubeconfig_that_cannot_be_used_is_not_saved(
    browser: Browser, changes: dict[str, str], message: str
) -> None:
    kubeconfig = _kubeconfig("t-0123456789-secret")
    fields = {"name": "pasted", "credentials": "", "kubeconfig": kubeconfig} | changes
    response = await browser.post("/clusters/-/new", page="/clusters/-/new", **fields)
    assert response.status_code == 422
    assert message in text_of(response.text)
    assert "t-0123456789-secret" not in response.text
    assert await _saved_kubeconfigs() == []


async def test_a_kubeconfig_that_is_not_listed_stays_chosen(browser: Browser) -> None:
    context = RunContext(now=clock.now())
    spec = cluster("eu").model_copy(update={"credential": BlockRef(name="kubeconfig-999")})
    run_in_transaction(clusters.save_cluster, spec, ClusterStatus(), [], context)
    html = await browser.get("/clusters/-/new?name=eu")
    assert fields_of(html, "/clusters/-/new")["credentials"] == "kubeconfig-999"


async def test_a_kubeconfig_that_a_file_named_stays_until_another_is_chosen(
    browser: Browser,
) -> None:
    credential = EnvironmentRef(name="REGISTRY_CREDENTIAL_EU")
    spec = cluster("eu").model_copy(update={"credential": credential})
    context = RunContext(now=clock.now())
    run_in_transaction(clusters.save_cluster, spec, ClusterStatus(), [], context)
    form = "/clusters/-/new?name=eu"
    values = fields_of(await browser.get(form), "/clusters/-/new")
    assert values["credentials"] == "environment variable REGISTRY_CREDENTIAL_EU"
    fields = {"name": "eu", "credentials": values["credentials"]}
    response = await browser.post("/clusters/-/new", page=form, **fields)
    assert response.status_code == 422
    assert "only a configuration file can name" in text_of(response.text)


async def test_an_invalid_form_comes_back_with_its_values(browser: Browser) -> None:
    fields = {"name": "Not A Name", "description": HOSTILE}
    response = await browser.post("/clusters/-/new", page="/clusters/-/new", **fields)
    assert response.status_code == 422
    assert "is not a valid name" in text_of(response.text)
    assert 'value="Not A Name"' in response.text
    assert "<script>alert" not in response.text
