"""An emulated cluster with one namespace, and a client for it; retries do not wait here."""

from collections.abc import AsyncIterator, Iterator

import pytest
import stamina

from deployments.simulators.kubernetes import SimulatedCluster
from tasks.clusters.protocol import ClusterClient
from tests.support.simulator_servers import serving
from tests.tasks.clusters.tools import open_client


@pytest.fixture(autouse=True)
def quick_retries() -> Iterator[None]:
    stamina.set_testing(True, attempts=3, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    emulated = SimulatedCluster()
    emulated.add_namespace("shop", {"registry-integration.io/workspace": "team-a", "tier": "gold"})
    with serving(emulated.app) as url:
        emulated.url = url
        yield emulated


@pytest.fixture
async def client(cluster: SimulatedCluster) -> AsyncIterator[ClusterClient]:
    async with open_client(cluster) as client:
        yield client
