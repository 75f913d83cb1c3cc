"""All registries in one run: one that is broken never holds up another."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from deployments.simulators.docker_registry import SimulatedDockerRegistry
from deployments.simulators.faults import Delay, Fault, Respond
from deployments.simulators.server import get_closed_url, run_server
from flows.registries.reconcile_all import reconcile_all
from flows.runs import new_run_context
from models.core.audit import AuditEntry
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.condition import Health
from models.registries.registry import Kind
from models.registries.space import Visibility
from tasks import clock
from tasks.store.leases import lease
from tasks.store.registries import registries
from tasks.store.session import run_in_transaction
from tests.support.builders import registry
from tests.support.helpers import (
    add_registry,
    audit_events,
    audit_of,
    count_task_runs,
    expect_success,
    harbor_with,
    reconcile_all_now,
    record_of,
    run_flow,
    sent_events,
    set_read_times,
    spaces_of,
    statistics_of,
)

_REFUSED = """
CREATE TRIGGER refused BEFORE UPDATE ON registry WHEN NEW.name = '{name}'
BEGIN SELECT RAISE(ABORT, 'on purpose'); END
"""
"""Nobody foresaw that the database would not take what is known of one registry."""


@pytest.fixture
def short_timeouts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no answer longer than a second, and let no registry wait for another's place."""
    monkeypatch.setenv("REGISTRY_INTEGRATION_READ_SECONDS", "1")
    monkeypatch.setenv("REGISTRY_INTEGRATION_REGISTRIES_AT_ONCE", "100")
    get_settings.cache_clear()


async def test_only_what_is_due_is_looked_at(name: str) -> None:
    with harbor_with() as harbor:
        await add_registry(name, harbor.url)
        request_count = harbor.faults.request_counts.total()
        checked_at = record_of(name).poll_history.observed_at
        assert await expect_success(reconcile_all) == (
            f"0 of 1 registries were due; all were checked since {checked_at:%H:%M:%S} UTC"
        )
        assert harbor.faults.request_counts.total() == request_count
        message = (await reconcile_all_now()).message or ""
        assert message.startswith("1 of 1 registries were due; all were checked since ")
        assert harbor.faults.request_counts.total() > request_count


async def test_the_broken_hold_up_nobody(name: str, short_timeouts: None) -> None:
    hanging_name, failing_name, unsavable_name, healthy_name = (
        f"{name}-{suffix}" for suffix in ("a", "b", "c", "d")
    )
    with (
        harbor_with() as hanging_harbor,
        harbor_with() as failing_harbor,
        harbor_with() as unsavable_harbor,
        harbor_with("team") as healthy_harbor,
    ):
        for registry_name, harbor in zip(
            (hanging_name, failing_name, unsavable_name, healthy_name),
            (hanging_harbor, failing_harbor, unsavable_harbor, healthy_harbor),
            strict=True,
        ):
            await add_registry(registry_name, harbor.url)
        hanging_harbor.faults.add(Fault(Delay(30), times=None))
        failing_harbor.faults.add(Fault(Respond(500), times=None))
        healthy_harbor.simulator.projects["team"].public = True
        set_read_times(looked_at=clock.now() - timedelta(days=1))
        run_in_transaction(
            lambda session: session.connection().execute(text(_REFUSED.format(name=unsavable_name)))
        )
        state = await run_flow(reconcile_all)
    finished = clock.now()
    message = state.message or ""
    assert message.startswith("4 of 4 registries were due; ")
    assert f"; 2 unavailable: {hanging_name}, {failing_name}" in message
    assert f"1 error: {unsavable_name}: unexpected IntegrityError" in message
    drift = next(row for row in audit_of(healthy_name) if row.what == "space.visibility-drifted")
    assert (finished - drift.at).total_seconds() > 2
    assert spaces_of(healthy_name)["team"].observed is Visibility.PUBLIC
    for registry_name in (hanging_name, failing_name, unsavable_name):
        assert statistics_of(registry_name).totals.space_count == 1
        assert record_of(registry_name).poll_history.observed_at is not None
    health_summary = record_of(unsavable_name).health_summary
    assert (health_summary.health, health_summary.reason) == (Health.UNKNOWN, Reason.UNFORESEEN)
    assert await count_task_runs(state) <= 5
    assert (await sent_events(healthy_name))["space.visibility-drifted"] == 1


async def test_a_failure_is_confirmed_in_the_same_run_and_holds_up_nobody(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_RECHECK_SECONDS", "2")
    get_settings.cache_clear()
    with harbor_with() as failing_harbor, harbor_with() as blip_harbor, harbor_with() as harbor:
        for suffix, server in (("a", failing_harbor), ("b", blip_harbor), ("c", harbor)):
            await add_registry(f"{name}-{suffix}", server.url)
        failing_harbor.simulator.core_up = False
        blip_harbor.faults.add(Fault(Respond(400), path=r".*/projects\?.*", times=1))
        before = clock.now()
        state = await reconcile_all_now()
    records = [record_of(f"{name}-{suffix}") for suffix in "abc"]
    assert [record.health_summary.health for record in records] == [
        Health.UNHEALTHY, Health.HEALTHY, Health.HEALTHY
    ]  # fmt: skip
    times = [record.poll_history.observed_at or before for record in records]
    assert min(times[:2]) > times[2] > before
    assert f"; 1 unavailable: {name}-a" in (state.message or "")
    assert await count_task_runs(state) == 2
    assert audit_events(f"{name}-a") == {"registry.integrated": 1, "registry.unhealthy": 1}
    assert audit_events(f"{name}-b") == {"registry.integrated": 1}


async def test_a_run_elsewhere_is_no_failure(name: str) -> None:
    with harbor_with() as harbor:
        await add_registry(name, harbor.url)
        request_count = harbor.faults.request_counts.total()
        async with lease(name):
            assert (await reconcile_all_now()).is_completed()
        assert harbor.faults.request_counts.total() == request_count


async def test_many_are_few_tasks_and_one_that_hangs_holds_up_no_batch(
    name: str, short_timeouts: None
) -> None:
    with harbor_with() as hanging_harbor, run_server(SimulatedDockerRegistry().app) as url:
        await add_registry(f"{name}-a", hanging_harbor.url)
        for number, address in enumerate(_closed_ports(60)):
            _add_docker_registry(f"{name}-b{number:02}", address)
        _add_docker_registry(f"{name}-z", url)
        hanging_harbor.faults.add(Fault(Delay(30), times=None))
        state = await reconcile_all_now()
    last, slow = (record_of(f"{name}-{suffix}").poll_history.observed_at for suffix in ("z", "a"))
    assert last is not None
    assert slow is not None
    assert last < slow
    assert await count_task_runs(state) == 2
    assert (state.message or "").startswith("62 of 62 registries were due; ")
    assert "; 61 unavailable" in (state.message or "")


def _closed_ports(count: int) -> set[str]:
    urls: set[str] = set()
    while len(urls) < count:
        urls.add(get_closed_url())
    return urls


def _add_docker_registry(name: str, address: str) -> None:
    entry = AuditEntry(subject=name, action="registry.integrated", emit_event=False)
    docker_registry = registry(Kind.DOCKER, name=name, address=address)
    run_in_transaction(registries.add_registry, docker_registry, entry, new_run_context())


async def test_nothing_integrated(name: str) -> None:
    assert (await run_flow(reconcile_all)).message == "0 of 0 registries were due"
