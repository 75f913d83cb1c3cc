"""Discovery asks little of each cluster, and one that is slow delays no other."""

import asyncio
from contextlib import ExitStack

from deployments.simulators.faults import Call, Fault
from flows.discovery.discover import discover_managed_harbors
from models.clusters.cluster import Cluster, ClusterState
from models.discovery.trust import MANAGED_LABEL
from tasks import clock
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.store.access import clusters
from tasks.store.session import transact
from tests.support.helpers import PASSWORD, completed, harbor_at, known
from tests.support.platform import cluster_with, registered

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
            await _known(name, cluster.kubeconfig)
        told = await completed(discover_managed_harbors, dry_run=True)
        assert f"{CLUSTERS} clusters, {CLUSTERS * HARBORS} managed Harbors" in told
        assert f"{CLUSTERS * HARBORS} changes planned" in told
        assert known() == []
        for cluster in running.values():
            asked = [call.method for call in cluster.requests]
            assert asked == ["GET"] * len(asked)
            assert len(asked) <= 5


async def _known(name: str, kubeconfig: str) -> None:
    """Register a cluster behind the product's back: fifty flow runs are not what is tested."""
    reference = ClusterCredentials(kubeconfig=kubeconfig)
    await reference.save(name, overwrite=True)
    cluster = Cluster.model_validate({"name": name, "credential": {"name": name}})
    transact(clusters.register, cluster, state=ClusterState(), at=clock.now(), flow_run="")


async def test_a_slow_cluster_delays_no_other(database: str) -> None:
    """It answers only once the other's Harbor is integrated."""
    with harbor_at() as place, cluster_with() as quick, cluster_with() as slow:
        await registered("quick", quick)
        await registered("slow", slow)
        quick.add_namespace("hub", {MANAGED_LABEL: "true"})
        quick.add_harbor_cluster("hub", "main", place.url, PASSWORD)
        waited = []

        async def hold() -> None:
            while "quick-hub-main" not in known():
                await asyncio.sleep(0.05)
            waited.append(True)

        slow.faults.add(Fault(Call(hold), method="GET", path=r"/apis.*"))
        await completed(discover_managed_harbors)
        assert waited
