"""An emulated cluster with one namespace, and a client for it; retries do not wait here."""

from collections.abc import AsyncIterator, Iterator

import pytest
import stamina

from deployments.simulators.kubernetes import EmulatedCluster
from tasks.clusters.protocol import ClusterClient
from tests.support.simulator_servers import serving
from tests.tasks.clusters.tools import opened


@pytest.fixture(autouse=True)
def quick_retries() -> Iterator[None]:
    stamina.set_testing(True, attempts=3, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
def cluster() -> Iterator[EmulatedCluster]:
    made = EmulatedCluster()
    made.add_namespace("shop", {"registry-integration.io/workspace": "team-a", "tier": "gold"})
    with serving(made.app) as url:
        made.url = url
        yield made


@pytest.fixture
async def client(cluster: EmulatedCluster) -> AsyncIterator[ClusterClient]:
    async with opened(cluster) as client:
        yield client
