"""One Prefect server for the session, and two workers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from deployments.simulators.kubernetes import EmulatedCluster
from models.discovery.trust import MANAGED_LABEL
from tasks.store.migrate import migrate
from tests.deploying.fleet import Fleet, running_fleet
from tests.deploying.request_order import Turns, heard_harbor
from tests.real.postgres import Postgres
from tests.support.databases import in_force
from tests.support.helpers import PASSWORD, Place
from tests.support.platform import cluster_with

FLOW = "integrate-managed-harbor"
SPACES = ("s1", "s2", "s3")


@pytest.fixture(scope="package")
def fleet(real_postgres: Postgres) -> Iterator[Fleet]:
    """A server, and a PostgreSQL for our own state; nobody works yet."""
    with (
        TemporaryDirectory(prefix="fleet-", ignore_cleanup_errors=True) as folder,
        real_postgres.fresh_database() as url,
    ):
        with in_force(url):
            migrate(url)
        with running_fleet(Path(folder), url) as found:
            yield found


def _block(fleet: Fleet, name: str, cluster: EmulatedCluster) -> dict[str, Any]:
    return fleet.api.save_block("cluster-credentials", name, kubeconfig=cluster.kubeconfig)


@pytest.fixture(scope="package")
def deployed(fleet: Fleet) -> Iterator[dict[str, Any]]:
    """Deploy all flows, for two workers; yields the server's view."""
    fleet.deploy()
    with fleet.workers("worker-1", "worker-2"):
        yield fleet.api.view()


@dataclass(frozen=True)
class Created:
    """A Harbor that the platform created in the cluster `prod`, and said so twice."""

    uid: str
    where: dict[str, str]
    place: Place
    turns: Turns
    cluster: EmulatedCluster
    said: list[str]


@pytest.fixture(scope="package")
def created(fleet: Fleet, deployed: dict[str, Any]) -> Iterator[Created]:
    """Register a cluster, and integrate a Harbor in it, as a platform does: through the API."""
    del deployed
    homes = {"shop": "red", "till": "red", "lab": "blue"}
    with heard_harbor(*SPACES) as (place, turns), cluster_with(**homes) as cluster:
        block = _block(fleet, "prod", cluster)
        fleet.api.done("register-cluster", name="prod", credentials=block)
        cluster.add_namespace("hub", {MANAGED_LABEL: "true"})
        uid = cluster.add_harbor_cluster("hub", "main", place.url, PASSWORD)
        where = {"cluster": "prod", "namespace": "hub", "name": "main"}
        had = len(fleet.api.runs(FLOW))
        for _ in range(2):
            fleet.api.send("harbor.created", "harbor.prod.hub.main", **where)
        started = fleet.api.started_by_event(FLOW, had + 2)[had:]
        said = fleet.api.ended(*(run["id"] for run in started))
        yield Created(uid, where, place, turns, cluster, said)


@pytest.fixture
def state(fleet: Fleet) -> Iterator[None]:
    """The workers' database, in force for this process too."""
    with in_force(fleet.database):
        yield
