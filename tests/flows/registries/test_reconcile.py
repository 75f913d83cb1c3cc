"""Reconciling one registry: drift is found once, told once, and dealt with as was chosen."""

import pytest

from deployments.simulators.faults import Fault, Respond
from flows.operations.reconcile_registry import AS_FUNCTIONS, reconcile
from flows.registries.integrate import integrate_registry
from flows.registries.reconcile import reconcile_registry
from flows.registries.set_visibility import set_space_visibility
from flows.registries.update import update_registry
from flows.runs import hold_lease
from models.core.errors import LeaseHeld
from models.core.reasons import Reason
from models.registries.condition import ConditionStatus, ConditionType, Health
from tasks import clock
from tasks.secrets.credentials import RegistryCredentials
from tests.support.builders import PRIVATE, PUBLIC
from tests.support.helpers import (
    HarborServer,
    add_registry,
    audit_events,
    audit_of,
    count_task_runs,
    expect_failure,
    expect_success,
    harbor_with,
    integrate,
    page,
    reconcile_all_now,
    record_of,
    run_flow,
    save_credentials,
    sent_events,
    spaces_of,
    statistics_of,
)


def _set_public(harbor: HarborServer, space: str, *, public: bool) -> None:
    harbor.simulator.projects[space].public = public


async def test_steady(name: str) -> None:
    with harbor_with("a") as harbor:
        await add_registry(name, harbor.url)
        state = await run_flow(reconcile_registry, name)
        assert state.message == f"{name} is healthy: 2 spaces, 0 drifts, 0 changes made"
        assert harbor.writes() == []
    assert await count_task_runs(state) <= 5
    assert audit_events(name) == {"registry.integrated": 1}


async def test_a_dry_run_changes_nothing(name: str) -> None:
    with harbor_with("a", "b") as harbor:
        await add_registry(name, harbor.url)
        await expect_success(set_space_visibility, name, ["a"], "private")
        _set_public(harbor, "a", public=True)
        _set_public(harbor, "b", public=True)
        before = spaces_of(name), record_of(name), audit_of(name)
        message = await expect_success(reconcile_registry, name, dry_run=True)
        assert "2 drifts, 1 change planned" in message
        assert harbor.writes() == []
        assert (spaces_of(name), record_of(name), audit_of(name)) == before
    markdown = await page(f"plan-{name}")
    assert markdown.startswith(f"[Open in the console](http://127.0.0.1:4201/registries/{name})")
    assert "dry run: nothing was changed" in markdown
    assert "| a | set-visibility | public | private |" in markdown


async def test_drift_is_enforced_once(name: str) -> None:
    with harbor_with("a") as harbor:
        await add_registry(name, harbor.url)
        await expect_success(set_space_visibility, name, ["a"], "private")
        _set_public(harbor, "a", public=True)
        message = await expect_success(reconcile_registry, name)
        assert "1 drift, 1 change made" in message
        assert not harbor.is_public("a")
        await expect_success(reconcile_registry, name)
        assert len(harbor.writes()) == 1
    assert await sent_events(name) == {
        "registry.integrated": 1, "space.visibility-drifted": 1, "space.visibility-set": 1
    }  # fmt: skip
    drifted = next(row for row in audit_of(name) if row.what == "space.visibility-drifted")
    assert (drifted.before, drifted.after) == ("private", "public")
    assert drifted.why.startswith("enforced")
    assert drifted.flow_run


async def test_drift_is_adopted_where_nobody_set_it_here(name: str) -> None:
    with harbor_with("a") as harbor:
        await add_registry(name, harbor.url)
        _set_public(harbor, "a", public=True)
        for _ in range(2):
            await expect_success(reconcile_registry, name)
        assert harbor.writes() == []
    assert (spaces_of(name)["a"].observed, spaces_of(name)["a"].desired) == (PUBLIC, None)
    assert await sent_events(name) == {"registry.integrated": 1, "space.visibility-drifted": 1}
    assert audit_of(name)[-1].why.startswith("adopted")


async def test_drift_is_only_reported_if_so_chosen(name: str) -> None:
    with harbor_with("a") as harbor:
        await add_registry(name, harbor.url, policy="report")
        await expect_success(set_space_visibility, name, ["a"], "private")
        _set_public(harbor, "a", public=True)
        for _ in range(2):
            await expect_success(reconcile_registry, name)
        assert harbor.is_public("a")
        assert harbor.writes() == []
    assert spaces_of(name)["a"].desired is PRIVATE
    assert statistics_of(name).totals.drifted_count == 1
    assert await sent_events(name) == {"registry.integrated": 1, "space.visibility-drifted": 1}
    assert audit_of(name)[-1].why.startswith("reported")


async def test_spaces_come_and_go(name: str) -> None:
    with harbor_with("a") as harbor:
        await add_registry(name, harbor.url)
        harbor.simulator.add_project("b")
        harbor.simulator.delete_project("a")
        for _ in range(2):
            await expect_success(reconcile_registry, name)
        assert spaces_of(name)["a"].missing_since is not None
        harbor.simulator.add_project("a", public=True)
        await expect_success(reconcile_registry, name)
    assert spaces_of(name)["a"].missing_since is None
    events = await sent_events(name)
    assert (events["space.appeared"], events["space.missing"], events["space.recreated"]) == (
        1,
        1,
        1,
    )


async def test_a_large_drift_is_refused_with_a_way_out(name: str) -> None:
    names = [f"s{number:02}" for number in range(12)]
    with harbor_with(*names) as harbor:
        await add_registry(name, harbor.url)
        await expect_success(set_space_visibility, name, names, "private")
        for space in names:
            _set_public(harbor, space, public=True)
        for _ in range(2):
            message = await expect_failure(reconcile_registry, name)
            assert "make private 12 of 13 spaces (92%)" in message
        assert harbor.writes() == []
        assert record_of(name).health_summary.reason is Reason.PLAN_REFUSED
        assert audit_events(name)["space.visibility-drifted"] == 12
        await expect_success(reconcile_registry, name, allow_large=True)
        assert not any(harbor.is_public(space) for space in names)
    events = await sent_events(name)
    assert (events["space.visibility-set"], events["registry.recovered"]) == (12, 1)
    assert events["space.visibility-drifted"] == 12


async def test_one_blip_is_no_news_and_two_are(name: str) -> None:
    with harbor_with("a") as harbor:
        await integrate(name, harbor.url)
        before = statistics_of(name)
        harbor.faults.add(
            Fault(Respond(502, b"<html>", (("Content-Type", "text/html"),)), times=None)
        )
        assert (await reconcile_all_now()).is_completed()  # a registry that is down is a state
        assert record_of(name).health_summary.health is Health.HEALTHY
        harbor.faults.clear()
        await reconcile_all_now()
        assert audit_events(name) == {"registry.integrated": 1}
        harbor.faults.add(Fault(Respond(502), times=None))
        for _ in range(3):
            await reconcile_all_now()
        now = statistics_of(name)
        assert now.record.health_summary.health is not Health.HEALTHY
        assert (now.totals, now.storage_used) == (before.totals, before.storage_used)
        assert name in await page("overview")
        harbor.faults.clear()
        for _ in range(2):
            await reconcile_all_now()
    assert record_of(name).health_summary.health is Health.HEALTHY
    events = await sent_events(name)
    assert events.pop("registry.unhealthy", 0) + events.pop("registry.degraded", 0) == 1
    assert events == {"registry.integrated": 1, "registry.recovered": 1}


async def test_a_harbor_whose_core_is_gone_is_unhealthy_for_that_reason(name: str) -> None:
    with harbor_with("a") as harbor:
        await add_registry(name, harbor.url)
        harbor.simulator.unhealthy_components["database"] = "failed to connect"
        for _ in range(2):
            await reconcile_all_now()
        assert record_of(name).health_summary.reason is Reason.COMPONENTS_DOWN
        harbor.simulator.core_up = False
        await reconcile_all_now()
        record = record_of(name)
        conditions = {condition.type: condition for condition in record.conditions}
        assert record.health_summary.health is Health.UNHEALTHY
        assert "a gateway in front of it answered 502 with a web page" in (
            record.health_summary.message
        )
        assert conditions[ConditionType.REACHABLE].status is ConditionStatus.FALSE
        assert conditions[ConditionType.SERVING].status is ConditionStatus.UNKNOWN
        assert "502" in conditions[ConditionType.SERVING].message
        harbor.simulator.core_up = True
        harbor.simulator.unhealthy_components.clear()
        await reconcile_all_now()
        assert record_of(name).health_summary.health is Health.HEALTHY
    assert audit_events(name) == {
        "registry.integrated": 1, "registry.unhealthy": 1, "registry.recovered": 1
    }  # fmt: skip


async def test_one_that_is_gone_stays_with_its_last_numbers(name: str) -> None:
    with harbor_with("a") as harbor:
        await integrate(name, harbor.url)
        read_at = record_of(name).spaces_read_at
    for _ in range(2):
        assert f"1 unavailable: {name}" in ((await reconcile_all_now()).message or "")
    statistics = statistics_of(name)
    assert statistics.record.health_summary.health is Health.UNHEALTHY
    assert statistics.record.health_summary.reason is Reason.CONNECTION_REFUSED
    assert (statistics.totals.space_count, statistics.storage_used) == (2, 2**20)
    assert statistics.record.spaces_read_at == read_at
    assert await sent_events(name) == {"registry.integrated": 1, "registry.unhealthy": 1}
    assert "no server listens on this port" in await expect_failure(reconcile_registry, name)


async def test_a_deleted_block_is_a_state_and_no_crash(name: str) -> None:
    with harbor_with("a") as harbor:
        await add_registry(name, harbor.url)
        await RegistryCredentials.adelete(name)
        request_count = harbor.faults.request_counts.total()
        assert f"1 unavailable: {name}" in ((await reconcile_all_now()).message or "")
        assert f"registry-credentials/{name} does not exist" in await expect_failure(
            reconcile_registry, name
        )
        assert harbor.faults.request_counts.total() == request_count
        conditions = {condition.type: condition for condition in record_of(name).conditions}
        authentication = conditions[ConditionType.AUTHENTICATED]
        assert (authentication.status, authentication.reason) == (
            ConditionStatus.FALSE,
            Reason.CREDENTIALS_MISSING,
        )
        assert statistics_of(name).totals.space_count == 2
        credentials = await save_credentials(name)  # another block, though of the same name
        assert (await reconcile_all_now()).is_completed()
        assert record_of(name).health_summary.reason is Reason.CREDENTIAL_NOT_FOR_ORIGIN
        await expect_success(update_registry, name, credentials=credentials)
    assert record_of(name).health_summary.health is Health.HEALTHY
    assert await sent_events(name) == {
        "registry.integrated": 1,
        "registry.updated": 1, "registry.unhealthy": 1, "registry.recovered": 1
    }  # fmt: skip


async def test_a_story_on_postgresql(name_on_postgresql: str) -> None:
    name = name_on_postgresql
    with harbor_with("a", "b") as harbor:
        state = await run_flow(
            integrate_registry,
            name,
            {"type": "harbor", "address": harbor.url},
            await save_credentials(name),
        )
        assert state.is_completed(), state
        await expect_success(set_space_visibility, name, ["a"], "public")
        _set_public(harbor, "a", public=False)
        assert (await reconcile_all_now()).is_completed()
        assert harbor.is_public("a")
    assert statistics_of(name).totals.public_count == 2
    assert await sent_events(name) == {
        "registry.integrated": 1, "space.visibility-drifted": 1, "space.visibility-set": 2
    }  # fmt: skip


@pytest.mark.parametrize("invalid_name", ["Prod/ü", "x" * 256])
async def test_names_that_are_none(name: str, invalid_name: str) -> None:
    assert "is not a valid name" in await expect_failure(reconcile_registry, invalid_name)


async def test_what_another_run_has_just_looked_at_is_left_alone(name: str) -> None:
    with harbor_with("a") as harbor:
        due_at = clock.now()
        await add_registry(name, harbor.url)
        request_count = len(harbor.simulator.requests)
        async with hold_lease(name) as context:
            with pytest.raises(LeaseHeld, match="just reconciled"):
                await reconcile(name, context, AS_FUNCTIONS, due_at=due_at)
        assert len(harbor.simulator.requests) == request_count
