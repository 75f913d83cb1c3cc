"""The page that explains access."""

from typing import Any

from prefect.client.orchestration import get_client

from flows.access.explain_access import explain_access
from models.clusters.cluster import ClusterStatus
from models.core.runs.context import RunContext
from models.tables import NamespaceRow
from tasks import clock
from tasks.prefect.flow_runs import get_run
from tasks.store.access import clusters
from tasks.store.session import run_in_transaction
from tests.console.browser import Browser, text_of
from tests.support.access_builders import cluster

HOSTILE = '"><script>alert(1)</script>\u202e'


def _save(*namespaces: str, name: str = "eu") -> None:
    def save(session: Any) -> None:
        context = RunContext(now=clock.now())
        clusters.save_cluster(session, cluster(name), ClusterStatus(), [], context)
        for namespace in namespaces:
            session.add(NamespaceRow(cluster_name=name, name=namespace, uid="u"))

    run_in_transaction(save)


async def _deploy() -> None:
    async with get_client() as client:
        await client.create_deployment(await client.create_flow(explain_access), "default")


async def test_namespaces_are_picked_not_typed(browser: Browser) -> None:
    _save("shop", "web")
    _save("shop", name="us")
    html = await browser.get("/explain")
    for path in ("eu/shop", "eu/web", "us/shop"):
        assert f'<option value="{path}">' in html
    assert '<option value="us/shop">' not in await browser.get("/explain?in=eu")
    assert '<option value="eu/web">' not in await browser.get("/explain?q=SHOP")


async def test_a_link_fills_the_form(browser: Browser) -> None:
    _save("shop")
    _save(name="production")
    html = await browser.get("/explain?cluster=eu&namespace=shop&image=prod/team-a/app:1.0")
    assert '<option value="eu/shop" selected>' in html
    assert 'value="prod/team-a/app:1.0"' in html
    text = text_of(await browser.get("/explain?cluster=prodution&namespace=shop"))
    assert "There is no cluster named prodution. Did you mean production" in text


async def test_the_answer_has_an_address(browser: Browser) -> None:
    _save("shop")
    await _deploy()
    fields = {"target": "eu/shop", "image": "prod/team-a"}
    response = await browser.post("/explain", page="/explain", **fields)
    assert response.status_code == 303, response.text
    location = response.headers["location"]
    run_id = location.partition("run=")[2].partition("&")[0]
    run = await get_run(run_id)
    assert run is not None
    assert (run.flow, run.parameters["namespace"]) == ("explain-access", "shop")
    html = await browser.get(location)
    assert 'data-refresh="2"' in html
    assert 'value="prod/team-a"' in html
    # The parameters are those of the run, whatever the rest of the address says.
    other = await browser.get(f"/explain?run={run_id}&image=other/space")
    assert 'value="prod/team-a"' in other
    assert "other/space" not in text_of(other)


async def test_invalid_input_comes_back(browser: Browser) -> None:
    _save("shop")
    response = await browser.post("/explain", page="/explain", target="eu/shop", image=HOSTILE)
    assert response.status_code == 422
    assert "<script>alert" not in response.text
    assert "Nothing was started" in response.text


async def test_a_run_of_another_flow_is_no_answer(browser: Browser) -> None:
    for run in ("nonsense", "5f0f2b9e-0000-4000-8000-000000000001"):
        assert "There is no explanation named" in text_of(
            await browser.get(f"/explain?run={run}", 404)
        )
