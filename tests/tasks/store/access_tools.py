"""What the store's tests of clusters and grants share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from flows.operations import memberships
from models.clusters.cluster import Cluster, ClusterStatus
from models.core.reasons import Reason
from tasks.store.access.clusters import lease_key
from tasks.store.leases import lease
from tasks.store.session import in_transaction
from tests.support.access_builders import cluster
from tests.support.builders import NOW, run_context

STATE = ClusterStatus(
    reachable=True, reason=Reason.CONNECTED, message="well", since=NOW, looked_at=NOW, seen_at=NOW
)


@asynccontextmanager
async def registered_cluster(
    name: str = "eu", spec: Cluster | None = None, state: ClusterStatus = STATE
) -> AsyncIterator[str]:
    """Register a cluster, and hold the lease on it."""
    target = spec or cluster(name)
    await in_transaction(memberships.add_or_update_cluster, target, state, run_context("run-1"))
    async with lease(lease_key(target.name)) as lease_id:
        yield lease_id
