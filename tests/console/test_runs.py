"""The page of a run, on a real Prefect server."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import LogCreate
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tasks import clock
from tasks.prefect.artifacts import publish_artifact
from tests.console.browser import Browser, text_of
from tests.support.helpers import Server


@flow(name="unbind-space", persist_result=False)
async def toy_preview(name: str, dry_run: bool = False) -> State[Any]:
    """Publish a page with hostile text."""
    page = f"# Plan\n\n| Space | Why |\n|---|---|\n| {name} | a<br>b |\n\n<script>alert(1)</script>"
    await publish_artifact("toy-plan", page, "Plan")
    return Completed(message=f"{name}: {'planned' if dry_run else 'changed'}")


@pytest.fixture
async def toy_deployment(prefect_server: Server) -> AsyncIterator[None]:
    """A deployment of the flow; no worker runs it."""
    async with get_client() as client:
        flow_id = await client.create_flow(toy_preview)
        deployment_id = await client.create_deployment(
            flow_id, "default", parameter_openapi_schema=toy_preview.parameters.model_dump()
        )
        yield
        await client.delete_deployment(deployment_id)


async def _run(name: str, dry_run: bool) -> str:
    state = await toy_preview(name, dry_run, return_state=True)
    return str(state.state_details.flow_run_id)


async def test_a_preview_shows_its_results_and_starts_the_same_run_for_real(
    prefect_server: Server, browser: Browser, toy_deployment: None
) -> None:
    run_id = await _run("team-a", dry_run=True)
    html = await browser.get(f"/runs/{run_id}?back=/audit")
    assert "team-a: planned" in text_of(html)
    assert "<td>a<br>b</td>" in html
    assert "<script>alert" not in html and "&lt;script&gt;" in html
    assert '<a href="/audit">' in html
    assert "Unbind now" in text_of(html)
    # What the browser sends besides is not used: the parameters are those of the preview.
    response = await browser.post(
        f"/runs/{run_id}/now", page=f"/runs/{run_id}", back="//evil.test", name="team-b"
    )
    assert response.status_code == 303
    started, _, query = response.headers["location"].removeprefix("/runs/").partition("?")
    assert query == "back=%2F"
    async with get_client() as client:
        run = await client.read_flow_run(UUID(started))
    assert run.parameters == {"name": "team-a", "dry_run": False}


async def test_a_preview_is_applied_once(
    prefect_server: Server, browser: Browser, toy_deployment: None
) -> None:
    page = f"/runs/{await _run('team-a', dry_run=True)}"
    first, second = [await browser.post(f"{page}/now", page=page) for _ in range(2)]
    assert first.headers["location"] == second.headers["location"]


async def test_an_old_preview_cannot_be_applied(
    prefect_server: Server,
    browser: Browser,
    toy_deployment: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = f"/runs/{await _run('team-a', dry_run=True)}"
    later = clock.now() + timedelta(minutes=16)
    monkeypatch.setattr(clock, "now", lambda: later)
    html = await browser.get(page)
    assert "outdated: preview again" in text_of(html) and f"{page}/now" not in html
    response = await browser.post(f"{page}/now", page=page)
    assert response.status_code == 422 and "preview again" in response.text


async def test_only_a_preview_can_be_repeated_for_real(
    prefect_server: Server, browser: Browser, toy_deployment: None
) -> None:
    run_id = await _run("team-a", dry_run=False)
    assert "/now" not in await browser.get(f"/runs/{run_id}")
    response = await browser.post(f"/runs/{run_id}/now", page=f"/runs/{run_id}")
    assert response.status_code == 422


async def test_the_end_of_a_long_log_is_shown(prefect_server: Server, browser: Browser) -> None:
    run_id = await _run("team-a", dry_run=False)
    began = clock.now()
    logs = [
        LogCreate(
            name="test",
            level=20,
            message=f"line {number};",
            timestamp=began + timedelta(milliseconds=number),
            flow_run_id=UUID(run_id),
        )
        for number in range(1_200)
    ]
    async with get_client() as client:
        for start in range(0, len(logs), 200):
            await client.create_logs(logs[start : start + 200])
    text = text_of(await browser.get(f"/runs/{run_id}"))
    assert "line 1199;" in text and "line 5;" not in text
    assert "Older lines: see Prefect" in text
    assert text.index("line 1198;") < text.index("line 1199;")


@pytest.mark.parametrize("run_id", ["00000000-0000-4000-8000-000000000000", "nonsense"])
async def test_an_unknown_run_is_not_found(
    prefect_server: Server, browser: Browser, run_id: str
) -> None:
    assert f"There is no run named '{run_id}'" in text_of(
        await browser.get(f"/runs/{run_id}", status=404)
    )
