"""Discovery asks little of each cluster, and one that is slow delays no other."""

import asyncio
from contextlib import ExitStack

from deployments.simulators.faults import Fault, RunCallback
from flows.discovery.discover import discover_managed_harbors
from flows.operations import memberships
from flows.runs import new_run_context
from models.clusters.cluster import Cluster, ClusterStatus
from models.discovery.trust import MANAGED_LABEL
from models.registries.registry import BlockRef
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.store.session import run_in_transaction
from tests.support.helpers import PASSWORD, expect_success, harbor_with, registry_names
from tests.support.platform import cluster_with, register

CLUSTERS, HARBORS = 50, 5


async def test_fifty_clusters_are_asked_five_lists_each(database: str) -> None:
    with ExitStack() as stack:
        running = {f"c{n}": stack.enter_context(cluster_with()) for n in range(CLUSTERS)}
        for name, cluster in running.items():
            cluster.add_namespace("hub", {MANAGED_LABEL: "true"})
            for number in range(HARBORS):
                url = f"https://{name}-{number}.example.com"
                cluster.add_harbor_cluster("hub", f"h{number}", url, PASSWORD)
        for name, cluster in running.items():
            await _add_cluster(name, cluster.kubeconfig)
        message = await expect_success(discover_managed_harbors, dry_run=True)
        assert f"{CLUSTERS} clusters, {CLUSTERS * HARBORS} managed Harbors" in message
        assert f"{CLUSTERS * HARBORS} changes planned" in message
        assert registry_names() == []
        for cluster in running.values():
            methods = [call.method for call in cluster.requests]
            assert methods == ["GET"] * len(methods)
            assert len(methods) <= 5


async def _add_cluster(name: str, kubeconfig: str) -> None:
    """Register a cluster behind the product's back: fifty flow runs are not what is tested."""
    reference = ClusterCredentials(kubeconfig=kubeconfig)
    await reference.save(name, overwrite=True)
    cluster = Cluster(name=name, credential=BlockRef(name=name))
    run_in_transaction(
        memberships.add_or_update_cluster, cluster, ClusterStatus(), new_run_context()
    )


async def test_a_slow_cluster_delays_no_other(database: str) -> None:
    """It answers only once the other's Harbor is integrated."""
    with harbor_with() as harbor, cluster_with() as quick, cluster_with() as slow:
        await register("quick", quick)
        await register("slow", slow)
        quick.add_namespace("hub", {MANAGED_LABEL: "true"})
        quick.add_harbor_cluster("hub", "main", harbor.url, PASSWORD)
        holds = []

        async def hold() -> None:
            while "quick-hub-main" not in registry_names():
                await asyncio.sleep(0.05)
            holds.append(True)

        slow.faults.add(Fault(RunCallback(hold), method="GET", path=r"/apis.*"))
        await expect_success(discover_managed_harbors)
        assert holds
