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
from models.core.settings import settings
from models.registries.condition import Health
from models.tables import LeaseRow
from tasks.store.leases import leased
from tests.support.builders import PUBLIC
from tests.support.helpers import (
    Place,
    audit_of,
    audited,
    block,
    completed,
    dossier,
    harbor_at,
    integrate,
    known,
    look_again,
    page,
    settled,
    spaces_of,
    told,
)
from tests.support.processes import finish
from tests.support.subprocess_runs import QUICK, killed_at, started
from tests.tasks.store.tools import rows

INTEGRATE = "flows.registries.integrate:integrate_registry"
SET = "flows.registries.set_visibility:set_space_visibility"
RECONCILE = "flows.registries.reconcile:reconcile_registry"
API = "/api/v2.0"
FIVE = ["a", "b", "c", "d", "e"]


@pytest.fixture(autouse=True)
def quick(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable, value in QUICK.items():
        monkeypatch.setenv(variable, value)
    settings.cache_clear()
    yield
    settings.cache_clear()


async def _form(name: str, place: Place) -> dict[str, Any]:
    form = {"type": "harbor", "address": place.url}
    return {"name": name, "registry": form, "credentials": await block(name)}


async def _next_run() -> None:
    """What the schedule does once the killed run's lease is over."""
    await asyncio.sleep(1.2)
    state = await look_again()
    assert state.is_completed(), state


async def _proved(name: str) -> None:
    async with get_client() as client, asyncio.timeout(60):
        asked = {"artifacts": {"key": {"any_": [f"verdict-{name}"]}}}
        while not (await client.request("POST", "/artifacts/filter", json=asked)).json():
            await asyncio.sleep(0.1)


async def test_after_the_probe_before_the_registry_is_saved(name: str) -> None:
    with harbor_at("a") as place:
        async with leased(name):  # so that it waits right there
            process = started(INTEGRATE, QUICK, **await _form(name, place))
            await _proved(name)
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join(10)
        assert known() == []
        assert audit_of(name) == []
        assert (await integrate(name, place.url)).is_completed()
    assert set(spaces_of(name)) == {"library", "a"}
    assert await told(name) == {"registry.integrated": 1}


@pytest.mark.parametrize("by", ["schedule", "person"])
async def test_after_the_registry_is_saved_before_the_first_look(name: str, by: str) -> None:
    with harbor_at("a") as place:
        form = await _form(name, place)
        killed_at(place, ("GET", f"{API}/health"), INTEGRATE, after=1, **form)
        assert (known(), spaces_of(name)) == ([name], {})
        assert dossier(name).diagnosis.health is Health.UNKNOWN
        if by == "schedule":
            await _next_run()
            await completed(compute_overview)
        else:
            assert (await integrate(name, place.url)).is_completed()
    assert set(spaces_of(name)) == {"library", "a"}
    assert f"**{name}**" in await page("overview")
    assert await told(name) == {"registry.integrated": 1}


async def test_in_the_middle_of_the_pages(name: str) -> None:
    with harbor_at(*(f"s{number:03}" for number in range(250))) as place:
        third = ("GET", rf"{API}/projects\?.*page=3.*")
        killed_at(place, third, INTEGRATE, **await _form(name, place))
        assert spaces_of(name) == {}
        await _next_run()
    assert len(spaces_of(name)) == 251
    assert await told(name) == {"registry.integrated": 1}


@pytest.mark.parametrize(("after", "served", "made"), [(1, False, 1), (4, True, 5)])
async def test_among_several_changes_and_after_the_last(
    name: str, after: int, served: bool, made: int
) -> None:
    """Those that were made are found to be so; each is asked of Harbor exactly once."""
    with harbor_at(*FIVE) as place:
        await settled(name, place.url)
        wish: dict[str, Any] = {"registry": name, "names": FIVE, "visibility": "public"}
        killed_at(place, ("PUT", ".*"), SET, after=after, served=served, **wish)
        assert sum(place.public(each) for each in FIVE) == made
        await _next_run()
        assert all(place.public(each) for each in FIVE)
        assert [status for _, status in place.writes()] == [200] * 5
    assert {spaces_of(name)[each].observed for each in FIVE} == {PUBLIC}
    assert await told(name) == {
        "registry.integrated": 1,
        **({"space.visibility-set": 5 - made} if made < 5 else {}),
        "space.visibility-drifted": made,
    }
    asked = [row for row in audit_of(name) if row.what == "space.asked"]
    assert len(asked) == 5


async def test_a_drift_that_was_set_right_is_not_forgotten(name: str) -> None:
    with harbor_at("a") as place:
        await settled(name, place.url)
        await completed(set_space_visibility, name, ["a"], "private")
        place.harbor.projects["a"].public = True
        killed_at(place, ("PUT", ".*"), RECONCILE, served=True, name=name)
        await _next_run()
        assert not place.public("a")
        assert len(place.writes()) == 1
    drifts = [row for row in audit_of(name) if row.what == "space.visibility-drifted"]
    found = [(row.before, row.after, row.why.split(":")[0]) for row in drifts]
    assert found == [("private", "public", "enforced"), ("public", "private", "noted")]
    await told(name)


async def test_after_a_space_was_created_before_its_answer_is_read(name: str) -> None:
    with harbor_at() as place:
        await settled(name, place.url)
        wish: dict[str, Any] = {"registry": name, "names": ["team"], "visibility": "public"}
        create = "flows.registries.create_space:create_space"
        killed_at(place, ("POST", f"{API}/projects"), create, served=True, **wish)
        assert spaces_of(name)["team"].declared
        await _next_run()
        assert [status for _, status in place.writes()] == [201]
    team = spaces_of(name)["team"]
    assert (team.declared, team.desired, team.observed) == (False, PUBLIC, PUBLIC)
    assert await told(name) == {"registry.integrated": 1, "space.appeared": 1}


async def test_before_the_events_are_sent(name: str) -> None:
    with harbor_at("a") as place:
        form = await _form(name, place)
        killed_at(place, ("GET", f"{API}/configurations"), INTEGRATE, **form)
        assert audited(name) == {"registry.integrated": 1}
        assert [row.announced_at for row in audit_of(name) if row.event] == [None]
        await _next_run()
    assert await told(name) == {"registry.integrated": 1}


async def test_two_runs_at_once_reconcile_once(name: str) -> None:
    with harbor_at(*FIVE) as place:
        await settled(name, place.url)
        await completed(set_space_visibility, name, FIVE, "private")
        for each in FIVE:
            place.harbor.projects[each].public = True
        place.faults.add(Fault(Delay(0.2), "PUT", times=None))
        finish(*(started(RECONCILE, {}, name=name) for _ in range(2)))
        assert len(place.writes()) == 5
        assert rows(LeaseRow) == []
        await completed(reconcile_registry, name)
    assert await told(name) == {
        "registry.integrated": 1, "space.visibility-drifted": 5, "space.visibility-set": 5
    }  # fmt: skip


async def test_two_integrations_at_once_are_one(name: str) -> None:
    with harbor_at("a") as place:
        form = await _form(name, place)
        finish(*(started(INTEGRATE, {}, **form) for _ in range(2)))
    assert known() == [name]
    assert set(spaces_of(name)) == {"library", "a"}
    assert await told(name) == {"registry.integrated": 1}
