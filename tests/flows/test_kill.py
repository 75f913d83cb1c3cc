"""Killed between any two steps, a run is finished by the next: nothing lost, nothing doubled."""

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from prefect.client.orchestration import get_client

from deployments.simulators.faults import Delay, Fault
from flows.overview import compute_overview
from flows.registries.reconcile import reconcile_registry
from flows.registries.set_visibility import set_space_visibility
from models.core.settings import get_settings
from models.registries.condition import Health
from models.tables import LeaseRow
from tasks.store.leases import lease
from tests.support.builders import PUBLIC
from tests.support.helpers import (
    HarborServer,
    add_registry,
    audit_events,
    audit_of,
    expect_success,
    harbor_with,
    integrate,
    page,
    reconcile_all_now,
    record_of,
    registry_names,
    save_credentials,
    sent_events,
    spaces_of,
)
from tests.support.processes import finish
from tests.support.subprocess_runs import QUICK, kill_at, start_run
from tests.tasks.store.tools import rows

INTEGRATE = "flows.registries.integrate:integrate_registry"
SET_VISIBILITY = "flows.registries.set_visibility:set_space_visibility"
RECONCILE = "flows.registries.reconcile:reconcile_registry"
API = "/api/v2.0"
SPACES = ["a", "b", "c", "d", "e"]


@pytest.fixture(autouse=True)
def quick(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable, value in QUICK.items():
        monkeypatch.setenv(variable, value)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


async def _parameters(name: str, harbor: HarborServer) -> dict[str, Any]:
    registry = {"type": "harbor", "address": harbor.url}
    return {"name": name, "registry": registry, "credentials": await save_credentials(name)}


async def _next_run() -> None:
    """What the schedule does once the killed run's lease is over."""
    await asyncio.sleep(1.2)
    state = await reconcile_all_now()
    assert state.is_completed(), state


async def _wait_for_probe(name: str) -> None:
    async with get_client() as client, asyncio.timeout(60):
        query = {"artifacts": {"key": {"any_": [f"probe-{name}"]}}}
        while not (await client.request("POST", "/artifacts/filter", json=query)).json():
            await asyncio.sleep(0.1)


async def test_after_the_probe_before_the_registry_is_saved(name: str) -> None:
    with harbor_with("a") as harbor:
        async with lease(name):  # so that it waits right there
            process = start_run(INTEGRATE, QUICK, **await _parameters(name, harbor))
            await _wait_for_probe(name)
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join(10)
        assert registry_names() == []
        assert audit_of(name) == []
        assert (await integrate(name, harbor.url)).is_completed()
    assert set(spaces_of(name)) == {"library", "a"}
    assert await sent_events(name) == {"registry.integrated": 1}


@pytest.mark.parametrize("by", ["schedule", "person"])
async def test_after_the_registry_is_saved_before_the_first_look(name: str, by: str) -> None:
    with harbor_with("a") as harbor:
        parameters = await _parameters(name, harbor)
        kill_at(harbor, ("GET", f"{API}/health"), INTEGRATE, after=1, **parameters)
        assert (registry_names(), spaces_of(name)) == ([name], {})
        assert record_of(name).health_summary.health is Health.UNKNOWN
        if by == "schedule":
            await _next_run()
            await expect_success(compute_overview)
        else:
            assert (await integrate(name, harbor.url)).is_completed()
    assert set(spaces_of(name)) == {"library", "a"}
    assert f"**{name}**" in await page("overview")
    assert await sent_events(name) == {"registry.integrated": 1}


async def test_in_the_middle_of_the_pages(name: str) -> None:
    with harbor_with(*(f"s{number:03}" for number in range(250))) as harbor:
        third_page = ("GET", rf"{API}/projects\?.*page=3.*")
        kill_at(harbor, third_page, INTEGRATE, **await _parameters(name, harbor))
        assert spaces_of(name) == {}
        await _next_run()
    assert len(spaces_of(name)) == 251
    assert await sent_events(name) == {"registry.integrated": 1}


@pytest.mark.parametrize(("after", "has_effect", "change_count"), [(1, False, 1), (4, True, 5)])
async def test_among_several_changes_and_after_the_last(
    name: str, after: int, has_effect: bool, change_count: int
) -> None:
    """Those that were made are found to be so; each is asked of Harbor exactly once."""
    with harbor_with(*SPACES) as harbor:
        await add_registry(name, harbor.url)
        parameters: dict[str, Any] = {"registry": name, "names": SPACES, "visibility": "public"}
        kill_at(
            harbor, ("PUT", ".*"), SET_VISIBILITY, after=after, has_effect=has_effect, **parameters
        )
        assert sum(harbor.is_public(space) for space in SPACES) == change_count
        await _next_run()
        assert all(harbor.is_public(space) for space in SPACES)
        assert [status for _, status in harbor.writes()] == [200] * 5
    assert {spaces_of(name)[space].observed for space in SPACES} == {PUBLIC}
    assert await sent_events(name) == {
        "registry.integrated": 1,
        **({"space.visibility-set": 5 - change_count} if change_count < 5 else {}),
        "space.visibility-drifted": change_count,
    }
    request_rows = [row for row in audit_of(name) if row.what == "space.asked"]
    assert len(request_rows) == 5


async def test_a_drift_that_was_set_right_is_not_forgotten(name: str) -> None:
    with harbor_with("a") as harbor:
        await add_registry(name, harbor.url)
        await expect_success(set_space_visibility, name, ["a"], "private")
        harbor.simulator.projects["a"].public = True
        kill_at(harbor, ("PUT", ".*"), RECONCILE, has_effect=True, name=name)
        await _next_run()
        assert not harbor.is_public("a")
        assert len(harbor.writes()) == 1
    drifts = [row for row in audit_of(name) if row.what == "space.visibility-drifted"]
    changes = [(row.before, row.after, row.why.split(":")[0]) for row in drifts]
    assert changes == [("private", "public", "enforced"), ("public", "private", "noted")]
    await sent_events(name)


async def test_after_a_space_was_created_before_its_answer_is_read(name: str) -> None:
    with harbor_with() as harbor:
        await add_registry(name, harbor.url)
        parameters: dict[str, Any] = {"registry": name, "names": ["team"], "visibility": "public"}
        create = "flows.registries.create_space:create_space"
        kill_at(harbor, ("POST", f"{API}/projects"), create, has_effect=True, **parameters)
        assert spaces_of(name)["team"].declared
        await _next_run()
        assert [status for _, status in harbor.writes()] == [201]
    team = spaces_of(name)["team"]
    assert (team.declared, team.desired, team.observed) == (False, PUBLIC, PUBLIC)
    assert await sent_events(name) == {"registry.integrated": 1, "space.appeared": 1}


async def test_before_the_events_are_sent(name: str) -> None:
    with harbor_with("a") as harbor:
        parameters = await _parameters(name, harbor)
        kill_at(harbor, ("GET", f"{API}/configurations"), INTEGRATE, **parameters)
        assert audit_events(name) == {"registry.integrated": 1}
        assert [row.announced_at for row in audit_of(name) if row.event] == [None]
        await _next_run()
    assert await sent_events(name) == {"registry.integrated": 1}


async def test_two_runs_at_once_reconcile_once(name: str) -> None:
    with harbor_with(*SPACES) as harbor:
        await add_registry(name, harbor.url)
        await expect_success(set_space_visibility, name, SPACES, "private")
        for space in SPACES:
            harbor.simulator.projects[space].public = True
        harbor.faults.add(Fault(Delay(0.2), "PUT", times=None))
        finish(*(start_run(RECONCILE, {}, name=name) for _ in range(2)))
        assert len(harbor.writes()) == 5
        assert rows(LeaseRow) == []
        await expect_success(reconcile_registry, name)
    assert await sent_events(name) == {
        "registry.integrated": 1, "space.visibility-drifted": 5, "space.visibility-set": 5
    }  # fmt: skip


async def test_two_integrations_at_once_are_one(name: str) -> None:
    with harbor_with("a") as harbor:
        parameters = await _parameters(name, harbor)
        finish(*(start_run(INTEGRATE, {}, **parameters) for _ in range(2)))
    assert registry_names() == [name]
    assert set(spaces_of(name)) == {"library", "a"}
    assert await sent_events(name) == {"registry.integrated": 1}
