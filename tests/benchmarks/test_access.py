"""Binding: until it is in force, and 50 workspaces × 1,000 spaces × 1,000 namespaces."""

import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from cryptography.fernet import Fernet

from deployments.simulators.kubernetes import SimulatedCluster, running_cluster
from flows.access.bind_space import bind_space
from flows.clusters.register_cluster import register_cluster
from flows.operations import bindings as binding_operations
from flows.operations.access_changes import apply_access_change
from flows.operations.reconcile_registry import reconcile
from flows.operations.sync_clusters import sync_clusters
from flows.runs import hold_lease
from models.access.binding_change import plan_bind
from models.core.labels import WORKSPACE_LABEL
from models.core.runs.context import RunContext
from models.core.settings import get_settings
from tasks import clock
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.store.session import in_transaction, run_in_transaction
from tasks.store.state import load_binding_records
from tests.benchmarks import bare
from tests.benchmarks.conftest import (
    integrate_registries,
    measure_seconds,
    print_ratio,
)
from tests.benchmarks.simulated import INSTANT_HARBOR, REAL_HARBOR, HarborCosts, harbors
from tests.support.helpers import expect_success

HARBOR_SPEEDS = pytest.mark.parametrize("costs", [INSTANT_HARBOR, REAL_HARBOR], ids=str)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_SECRET_KEYS", Fernet.generate_key().decode())
    get_settings.cache_clear()


@asynccontextmanager
async def running_cluster_with(namespaces: int, workspaces: int) -> AsyncIterator[SimulatedCluster]:
    """Register an emulated cluster, in a thread of this process, with namespaces shared out."""
    with running_cluster() as cluster:
        for number in range(namespaces):
            labels = {WORKSPACE_LABEL: f"team-{number % workspaces:02}"}
            cluster.add_namespace(f"ns-{number:04}", labels)
        await ClusterCredentials(kubeconfig=cluster.kubeconfig).save("bench", overwrite=True)
        block = {"$ref": {"block_document_slug": "cluster-credentials/bench"}}
        await expect_success(register_cluster, "bench", block)
        yield cluster


@HARBOR_SPEEDS
async def test_one_binding_is_in_force_in_ten_namespaces(costs: HarborCosts) -> None:
    with harbors(1, 50, costs) as urls:
        (name,) = integrate_registries(urls)
        await _reconcile(name)
        async with running_cluster_with(10, 1) as cluster:
            bare_seconds = await measure_seconds(lambda: _run_bare_loop(urls[0], cluster, 1, 1, 10))
            for number, description in enumerate(("first, 1 + 20 writes", "second, 1 write")):
                space = f"team-{number:05d}"

                async def bind(space: str = space) -> None:
                    await expect_success(bind_space, name, [space], ["team-00"])

                product_seconds = await measure_seconds(bind)
                label = f"a workspace's {description}, in 10 namespaces, "
                label += str(costs)
                print_ratio(
                    label, product_seconds, bare_seconds, ", the flow run's own start included"
                )


@HARBOR_SPEEDS
async def test_fifty_workspaces_and_a_thousand_spaces(costs: HarborCosts) -> None:
    with harbors(1, 1_000, costs) as urls:
        (name,) = integrate_registries(urls)
        await _reconcile(name)
        async with running_cluster_with(1_000, 50) as cluster:
            bare_seconds = await measure_seconds(
                lambda: _run_bare_loop(urls[0], cluster, 50, 999, 1000)
            )
            bind_seconds = await measure_seconds(lambda: _bind_all(name))

            async def apply_access() -> None:
                effect = await apply_access_change(name)
                assert effect.in_force

            product_seconds = await measure_seconds(apply_access)
            reconcile_seconds = await measure_seconds(lambda: _reconcile(name))
            sync_seconds = await measure_seconds(sync_clusters)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    suffix = (
        f", 50,000 bindings written down in {bind_seconds:.2f} s, "
        f"then a steady look {reconcile_seconds:.2f} s, a steady sync {sync_seconds:.2f} s, "
        f"peak {peak_mb:.0f} MB (the emulated cluster's included)"
    )
    print_ratio(
        f"50 robots, 1,000 namespaces, {costs}",
        product_seconds,
        bare_seconds,
        suffix,
    )


async def _reconcile(name: str) -> None:
    async with hold_lease(name, wait_seconds=60) as context:
        assert (await reconcile(name, context)).error == ""


async def _bind_all(name: str) -> None:
    now, teams = clock.now(), [f"team-{number:02}" for number in range(50)]
    records = await in_transaction(load_binding_records, name)
    change = plan_bind(records, ["*"], teams, now)
    run_in_transaction(binding_operations.bind, change.bindings, RunContext(now=now))


async def _run_bare_loop(
    url: str, cluster: SimulatedCluster, robots: int, spaces: int, namespaces: int
) -> None:
    """Write as many robot accounts and pull secrets, of other names, with nothing around it."""
    await bare.create_robots(url, robots, [f"team-{number:05d}" for number in range(spaces)])
    await bare.write_pull_secrets(
        cluster.url, cluster.token, [f"ns-{n:04}" for n in range(namespaces)]
    )
