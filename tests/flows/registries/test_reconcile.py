"""Reconciling one registry: drift is found once, told once, and dealt with as was chosen."""

import pytest

from deployments.simulators.faults import Answer, Fault
from flows.operations.reconcile_registry import PLAIN, reconcile
from flows.registries.integrate import integrate_registry
from flows.registries.reconcile import reconcile_registry
from flows.registries.set_visibility import set_space_visibility
from flows.registries.update import update_registry
from models.core.errors import Busy
from models.core.reasons import Reason
from models.registries.condition import ConditionType, Health, Status
from tasks import clock
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.leases import leased
from tests.support.builders import PRIVATE, PUBLIC
from tests.support.helpers import (
    Place,
    audit_of,
    audited,
    block,
    completed,
    dossier,
    ended,
    failed,
    figures_of,
    harbor_at,
    integrate,
    look_again,
    page,
    settled,
    spaces_of,
    task_runs,
    told,
)


def _drift(place: Place, space: str, *, public: bool) -> None:
    place.harbor.projects[space].public = public


async def test_steady(name: str) -> None:
    with harbor_at("a") as place:
        await settled(name, place.url)
        state = await ended(reconcile_registry, name)
        assert state.message == f"{name} is healthy: 2 spaces seen, 0 drifts, 0 changes made"
        assert place.writes() == []
    assert await task_runs(state) <= 5
    assert audited(name) == {"registry.integrated": 1}


async def test_a_dry_run_changes_nothing(name: str) -> None:
    with harbor_at("a", "b") as place:
        await settled(name, place.url)
        await completed(set_space_visibility, name, ["a"], "private")
        _drift(place, "a", public=True)
        _drift(place, "b", public=True)
        before = spaces_of(name), dossier(name), audit_of(name)
        message = await completed(reconcile_registry, name, dry_run=True)
        assert "2 drifts, 1 change planned" in message
        assert place.writes() == []
        assert (spaces_of(name), dossier(name), audit_of(name)) == before
    shown = await page(f"plan-{name}")
    assert "dry run: nothing was changed" in shown
    assert "| a | set-visibility | public | private |" in shown


async def test_drift_is_enforced_once(name: str) -> None:
    with harbor_at("a") as place:
        await settled(name, place.url)
        await completed(set_space_visibility, name, ["a"], "private")
        _drift(place, "a", public=True)
        message = await completed(reconcile_registry, name)
        assert "1 drift, 1 change made" in message
        assert not place.public("a")
        await completed(reconcile_registry, name)
        assert len(place.writes()) == 1
    assert await told(name) == {
        "registry.integrated": 1, "space.visibility-drifted": 1, "space.visibility-set": 1
    }  # fmt: skip
    drifted = next(row for row in audit_of(name) if row.what == "space.visibility-drifted")
    assert (drifted.before, drifted.after) == ("private", "public")
    assert drifted.why.startswith("enforced")
    assert drifted.flow_run


async def test_drift_is_adopted_where_nobody_set_it_here(name: str) -> None:
    with harbor_at("a") as place:
        await settled(name, place.url)
        _drift(place, "a", public=True)
        for _ in range(2):
            await completed(reconcile_registry, name)
        assert place.writes() == []
    assert (spaces_of(name)["a"].observed, spaces_of(name)["a"].desired) == (PUBLIC, None)
    assert await told(name) == {"registry.integrated": 1, "space.visibility-drifted": 1}
    assert audit_of(name)[-1].why.startswith("adopted")


async def test_drift_is_only_reported_if_so_chosen(name: str) -> None:
    with harbor_at("a") as place:
        await settled(name, place.url, policy="report")
        await completed(set_space_visibility, name, ["a"], "private")
        _drift(place, "a", public=True)
        for _ in range(2):
            await completed(reconcile_registry, name)
        assert place.public("a")
        assert place.writes() == []
    assert spaces_of(name)["a"].desired is PRIVATE
    assert figures_of(name).totals.drifted == 1
    assert await told(name) == {"registry.integrated": 1, "space.visibility-drifted": 1}
    assert audit_of(name)[-1].why.startswith("reported")


async def test_spaces_come_and_go(name: str) -> None:
    with harbor_at("a") as place:
        await settled(name, place.url)
        place.harbor.add_project("b")
        place.harbor.delete_project("a")
        for _ in range(2):
            await completed(reconcile_registry, name)
        assert spaces_of(name)["a"].missing_since is not None
        place.harbor.add_project("a", public=True)
        await completed(reconcile_registry, name)
    assert spaces_of(name)["a"].missing_since is None
    found = await told(name)
    assert (found["space.appeared"], found["space.missing"], found["space.recreated"]) == (1, 1, 1)


async def test_a_large_drift_is_refused_with_a_way_out(name: str) -> None:
    many = [f"s{number:02}" for number in range(12)]
    with harbor_at(*many) as place:
        await settled(name, place.url)
        await completed(set_space_visibility, name, many, "private")
        for each in many:
            _drift(place, each, public=True)
        for _ in range(2):
            message = await failed(reconcile_registry, name)
            assert "make private 12 of 13 spaces (92%)" in message
        assert place.writes() == []
        assert dossier(name).diagnosis.reason is Reason.PLAN_REFUSED
        assert audited(name)["space.visibility-drifted"] == 12
        await completed(reconcile_registry, name, allow_large=True)
        assert not any(place.public(each) for each in many)
    found = await told(name)
    assert (found["space.visibility-set"], found["registry.recovered"]) == (12, 1)
    assert found["space.visibility-drifted"] == 12


async def test_one_blip_is_no_news_and_two_are(name: str) -> None:
    with harbor_at("a") as place:
        await integrate(name, place.url)
        before = figures_of(name)
        place.faults.add(
            Fault(Answer(502, b"<html>", (("Content-Type", "text/html"),)), times=None)
        )
        assert (await look_again()).is_completed()  # a registry that is down is a state
        assert dossier(name).diagnosis.health is Health.HEALTHY
        place.faults.clear()
        await look_again()
        assert audited(name) == {"registry.integrated": 1}
        place.faults.add(Fault(Answer(502), times=None))
        for _ in range(3):
            await look_again()
        now = figures_of(name)
        assert now.dossier.diagnosis.health is not Health.HEALTHY
        assert (now.totals, now.storage) == (before.totals, before.storage)
        assert name in await page("overview")
        place.faults.clear()
        for _ in range(2):
            await look_again()
    assert dossier(name).diagnosis.health is Health.HEALTHY
    found = await told(name)
    assert found.pop("registry.unhealthy", 0) + found.pop("registry.degraded", 0) == 1
    assert found == {"registry.integrated": 1, "registry.recovered": 1}


async def test_one_that_is_gone_stays_with_its_last_numbers(name: str) -> None:
    with harbor_at("a") as place:
        await integrate(name, place.url)
        read_at = dossier(name).spaces_read_at
    for _ in range(2):
        assert f"1 could not be read: {name}" in ((await look_again()).message or "")
    found = figures_of(name)
    assert found.dossier.diagnosis.health is Health.UNHEALTHY
    assert found.dossier.diagnosis.reason is Reason.CONNECTION_REFUSED
    assert (found.totals.spaces, found.storage) == (2, 2**20)
    assert found.dossier.spaces_read_at == read_at
    assert await told(name) == {"registry.integrated": 1, "registry.unhealthy": 1}
    assert "nothing listens on this port" in await failed(reconcile_registry, name)


async def test_a_deleted_block_is_a_state_and_no_crash(name: str) -> None:
    with harbor_at("a") as place:
        await settled(name, place.url)
        await RegistryCredentials.adelete(name)
        asked = place.faults.seen.total()
        assert f"1 could not be read: {name}" in ((await look_again()).message or "")
        assert f"registry-credentials/{name} does not exist" in await failed(
            reconcile_registry, name
        )
        assert place.faults.seen.total() == asked
        conditions = {one.type: one for one in dossier(name).conditions}
        found = conditions[ConditionType.AUTHENTICATED]
        assert (found.status, found.reason) == (Status.FALSE, Reason.CREDENTIALS_MISSING)
        assert figures_of(name).totals.spaces == 2
        again = await block(name)  # another block, though of the same name
        assert (await look_again()).is_completed()
        assert dossier(name).diagnosis.reason is Reason.CREDENTIAL_NOT_FOR_ORIGIN
        await completed(update_registry, name, credentials=again)
    assert dossier(name).diagnosis.health is Health.HEALTHY
    assert await told(name) == {
        "registry.integrated": 1,
        "registry.updated": 1, "registry.unhealthy": 1, "registry.recovered": 1
    }  # fmt: skip


async def test_a_story_on_postgresql(name_on_postgresql: str) -> None:
    name = name_on_postgresql
    with harbor_at("a", "b") as place:
        state = await ended(
            integrate_registry, name, {"type": "harbor", "address": place.url}, await block(name)
        )
        assert state.is_completed(), state
        await completed(set_space_visibility, name, ["a"], "public")
        _drift(place, "a", public=False)
        assert (await look_again()).is_completed()
        assert place.public("a")
    assert figures_of(name).totals.public == 2
    assert await told(name) == {
        "registry.integrated": 1, "space.visibility-drifted": 1, "space.visibility-set": 2
    }  # fmt: skip


@pytest.mark.parametrize("wanted", ["Prod/ü", "x" * 256])
async def test_names_that_are_none(name: str, wanted: str) -> None:
    assert "is not a valid name" in await failed(reconcile_registry, wanted)


async def test_what_another_run_has_just_looked_at_is_left_alone(name: str) -> None:
    with harbor_at("a") as place:
        due_at = clock.now()
        await settled(name, place.url)
        asked = len(place.harbor.requests)
        async with leased(name) as holder:
            with pytest.raises(Busy, match="just now"):
                await reconcile(name, holder, PLAIN, due_at=due_at)
        assert len(place.harbor.requests) == asked
