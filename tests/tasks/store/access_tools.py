"""What the store's tests of clusters and grants share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models.clusters.cluster import Cluster, ClusterState
from models.core.reasons import Reason
from tasks.store.access import clusters
from tasks.store.access.clusters import lease_key
from tasks.store.leases import leased
from tasks.store.session import stored
from tests.support.access_builders import cluster
from tests.support.builders import NOW

STATE = ClusterState(
    reachable=True, reason=Reason.CONNECTED, message="well", since=NOW, looked_at=NOW, seen_at=NOW
)


@asynccontextmanager
async def registered(
    name: str = "eu", one: Cluster | None = None, state: ClusterState = STATE
) -> AsyncIterator[str]:
    """Register a cluster, and hold the lease on it."""
    of = one or cluster(name)
    await stored(clusters.register, of, at=NOW, flow_run="run-1", state=state)
    async with leased(lease_key(of.name)) as holder:
        yield holder
