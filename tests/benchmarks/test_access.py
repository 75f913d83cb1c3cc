"""Binding: until it is in force, and 50 workspaces × 1,000 spaces × 1,000 namespaces."""

import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from cryptography.fernet import Fernet

from deployments.simulators.kubernetes import EmulatedCluster, running_cluster
from flows.access.bind_space import bind_space
from flows.clusters.register_cluster import register_cluster
from flows.operations.access_changes import carry_through
from flows.operations.reconcile_registry import reconcile
from flows.operations.sync_clusters import sync_clusters
from models.core.labels import WORKSPACE_LABEL
from models.core.settings import settings
from tasks import clock
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.store.access import bindings
from tasks.store.access.binding_change import to_bind
from tasks.store.leases import leased
from tasks.store.session import stored, transact
from tests.benchmarks import bare
from tests.benchmarks.conftest import integrated, speed, tell, timed
from tests.benchmarks.simulated import REAL_PASSWORD_SECONDS, harbors
from tests.support.helpers import completed

BOTH = pytest.mark.parametrize("password_seconds", [0.0, REAL_PASSWORD_SECONDS])


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_SECRET_KEYS", Fernet.generate_key().decode())
    settings.cache_clear()


@asynccontextmanager
async def cluster_of(namespaces: int, workspaces: int) -> AsyncIterator[EmulatedCluster]:
    """Register an emulated cluster, in a thread of this process, with namespaces shared out."""
    with running_cluster() as cluster:
        for number in range(namespaces):
            labels = {WORKSPACE_LABEL: f"team-{number % workspaces:02}"}
            cluster.add_namespace(f"ns-{number:04}", labels)
        await ClusterCredentials(kubeconfig=cluster.kubeconfig).save("bench", overwrite=True)
        block = {"$ref": {"block_document_slug": "cluster-credentials/bench"}}
        await completed(register_cluster, "bench", block)
        yield cluster


@BOTH
async def test_one_binding_is_in_force_in_ten_namespaces(password_seconds: float) -> None:
    with harbors(1, 50, password_seconds) as urls:
        (name,) = integrated(urls)
        await _reconciled(name)
        async with cluster_of(10, 1) as cluster:
            theirs = await timed(lambda: _bare(urls[0], cluster, 1, 1, 10))
            for number, what in enumerate(("first, 1 + 20 writes", "second, 1 write")):
                space = f"team-{number:05d}"

                async def bind(space: str = space) -> None:
                    await completed(bind_space, name, [space], ["team-00"])

                ours = await timed(bind)
                told = f"a workspace's {what}, in 10 namespaces, {speed(password_seconds)}"
                tell(told, ours, theirs, ", the flow run's own start included")


@BOTH
async def test_fifty_workspaces_and_a_thousand_spaces(password_seconds: float) -> None:
    with harbors(1, 1_000, password_seconds) as urls:
        (name,) = integrated(urls)
        await _reconciled(name)
        async with cluster_of(1_000, 50) as cluster:
            theirs = await timed(lambda: _bare(urls[0], cluster, 50, 999, 1000))
            written = await timed(lambda: _bind_all(name))

            async def granted() -> None:
                async with leased(name) as holder:
                    effect = await carry_through(name, holder)
                assert effect.problem == ""

            ours = await timed(granted)
            steady = await timed(lambda: _reconciled(name))
            synced = await timed(sync_clusters)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    more = f", 50,000 bindings written down in {written:.2f} s, then a steady look {steady:.2f} s,"
    more += f" a steady sync {synced:.2f} s, peak {peak:.0f} MB (the emulated cluster's included)"
    tell(f"50 robots, 1,000 namespaces, {speed(password_seconds)}", ours, theirs, more)


async def _reconciled(name: str) -> None:
    async with leased(name, patience=60) as holder:
        assert (await reconcile(name, holder)).problem == ""


async def _bind_all(name: str) -> None:
    at, teams = clock.now(), [f"team-{number:02}" for number in range(50)]
    asked = await stored(to_bind, name, ["*"], teams, at)
    transact(bindings.bind, asked.bindings, at=at, flow_run="")


async def _bare(
    url: str, cluster: EmulatedCluster, robots: int, spaces: int, namespaces: int
) -> None:
    """Write as many robot accounts and pull secrets, of other names, with nothing around it."""
    await bare.grant(url, robots, [f"team-{number:05d}" for number in range(spaces)])
    await bare.deliver(cluster.url, cluster.token, [f"ns-{n:04}" for n in range(namespaces)])
