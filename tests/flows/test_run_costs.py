"""What one run costs: opened clients, requests to servers, and database transactions.

A change that lowers a number lowers it here.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from prefect import flow, get_client, task
from sqlalchemy import Connection, event

from flows.access.rotate_credentials import rotate_credentials
from flows.clusters.sync_namespaces import sync_namespaces
from flows.discovery.discover import discover_managed_harbors
from flows.registries.reconcile import reconcile_registry
from flows.registries.reconcile_all import reconcile_all
from models.core.settings import get_settings
from models.discovery.trust import MANAGED_LABEL
from tasks.counters import take
from tasks.http.client import HttpClient
from tasks.store.counters import list_counters
from tasks.store.session import get_engine, run_in_transaction
from tests.support.helpers import (
    PASSWORD,
    count_task_runs,
    expect_success,
    harbor_with,
    integrate,
    run_flow,
    save_credentials,
)
from tests.support.platform import bind, cluster_with, platform, register


@pytest.fixture(autouse=True)
def long_lease(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no run be so slow that it renews its lease, which is one more transaction."""
    monkeypatch.setenv("REGISTRY_INTEGRATION_LEASE_SECONDS", "3600")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@dataclass
class RunCosts:
    """What a run has cost.

    Attributes:
        clients: number of opened clients by server.
        requests: number of requests by server.
        transactions: number of database transactions.
    """

    clients: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    transactions: int = 0


@contextmanager
def counted(caplog: pytest.LogCaptureFixture) -> Iterator[RunCosts]:
    """Count what the block costs."""
    costs = RunCosts()

    def count(_: Connection) -> None:
        costs.transactions += 1

    caplog.clear()
    caplog.set_level(logging.DEBUG, HttpClient.__module__)
    engine = get_engine(get_settings().database)
    event.listen(engine, "begin", count)
    try:
        yield costs
    finally:
        event.remove(engine, "begin", count)
    for record in caplog.records:
        if record.name == HttpClient.__module__ and isinstance(record.args, tuple):
            target, request_count = record.args
            costs.clients[str(target)] += 1
            costs.requests[str(target)] += int(str(request_count))


async def test_nothing_to_do_is_no_task_run(database: str) -> None:
    flows = (sync_namespaces, discover_managed_harbors, reconcile_all, rotate_credentials)
    states = [await run_flow(flow) for flow in flows]
    assert all(state.is_completed() for state in states)
    # The server works task runs off in their order: those of the flows before this one are there.
    assert await count_task_runs(await run_flow(flow_with_task)) == 1
    async with get_client() as client:
        ids = [str(state.state_details.flow_run_id) for state in states]
        query = {"flow_runs": {"id": {"any_": ids}}}
        assert (await client.request("POST", "/task_runs/count", json=query)).json() == 0


@flow
async def flow_with_task() -> None:
    await empty_task()


@task
async def empty_task() -> None:
    pass


def _count(label: str, outcome: str = "") -> list[float]:
    """Return the saved counters with a label; those of this process may be of other tests, too."""
    counters = run_in_transaction(list_counters)
    return [value for key, value in sorted(counters.items()) if key[1:] == (label, outcome)]


async def test_integrate_and_reconcile(
    name: str, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    take()
    with harbor_with("team-a") as harbor:
        await save_credentials(name)
        with counted(caplog) as costs:
            await integrate(name, harbor.url)
        assert (costs.clients, costs.requests) == ({name: 1}, {name: 15})
        assert costs.transactions == 8
        with counted(caplog) as costs:
            await expect_success(reconcile_registry, name)
        assert (costs.clients, costs.requests) == ({name: 1}, {name: 6})
        assert costs.transactions == 4
    [seconds, requests] = _count("success")
    assert requests + sum(_count("client_error")[1:]) == 15 + 6
    assert 0 < seconds < requests * 60
    assert _count("registry.integrated") == [1]
    assert _count("integrate-registry", "completed") == [1]
    assert _count("reconcile-registry", "completed") == [1]
    state = await run_flow(reconcile_registry, f"{name}-unknown")
    assert state.is_failed() and _count("reconcile-registry", "failed") == [1]


async def test_bind_and_sync(name: str, database: str, caplog: pytest.LogCaptureFixture) -> None:
    async with platform(name, "team-a"):
        with counted(caplog) as costs:
            await bind(name, ["team-a"], "red")
        assert costs.clients == {name: 1, "cluster eu": 1}
        assert costs.requests == {name: 7, "cluster eu": 7}
        assert costs.transactions == 14
        with counted(caplog) as costs:
            await expect_success(sync_namespaces)
        assert (costs.clients, costs.requests) == ({"cluster eu": 1}, {"cluster eu": 3})
        assert costs.transactions == 6


async def test_discover(database: str, caplog: pytest.LogCaptureFixture) -> None:
    with harbor_with() as harbor, cluster_with() as cluster:
        await register("west", cluster)
        cluster.add_namespace("hub", {MANAGED_LABEL: "true"})
        cluster.add_harbor_cluster("hub", "main", harbor.url, PASSWORD)
        with counted(caplog) as costs:
            await expect_success(discover_managed_harbors)
        assert (costs.clients["cluster west"], costs.clients["west-hub-main"]) == (1, 1)
        assert costs.transactions == 21
        with counted(caplog) as costs:
            await expect_success(discover_managed_harbors)
        assert (costs.clients, costs.requests) == ({"cluster west": 1}, {"cluster west": 5})
        assert costs.transactions == 7
