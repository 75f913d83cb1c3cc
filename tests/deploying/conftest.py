"""One Prefect server for the session, first served from one process, then by two workers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from deployments.sandbox.kubernetes import EmulatedCluster
from models.cluster import Cluster, ClusterState
from models.registry import BlockRef
from models.trust import MANAGED_LABEL
from tasks import clock
from tasks.store import clusters
from tasks.store.migrating import migrate
from tasks.store.session import transact
from tests.databases import in_force
from tests.deploying.fleet import Fleet, running_fleet
from tests.deploying.turns import Turns, heard_harbor
from tests.flows.platform import cluster_with
from tests.flows.stories import PASSWORD, Place, harbor_at
from tests.real.postgres import Postgres

FLOW = "integrate-managed-harbor"
SPACES = ("s1", "s2", "s3")


@dataclass(frozen=True)
class Before:
    """How it was when one process served all flows."""

    view: dict[str, Any]
    started: list[dict[str, Any]]
    said: list[str]


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


@pytest.fixture(scope="package")
def before(fleet: Fleet) -> Before:
    """Serve all flows, and let the platform say that it created a Harbor."""
    with fleet.served():
        view = fleet.api.view()
        with harbor_at() as place, cluster_with() as cluster:
            _known(fleet, "served", cluster)
            cluster.add_namespace("hub", {MANAGED_LABEL: "true"})
            cluster.add_harbor_cluster("hub", "main", place.url, PASSWORD)
            where = {"cluster": "served", "namespace": "hub", "name": "main"}
            fleet.api.send("harbor.created", "harbor.served.hub.main", **where)
            started = fleet.api.started_by_event(FLOW, 1)
            said = fleet.api.ended(*(run["id"] for run in started))
    return Before(view, started, said)


def _block(fleet: Fleet, name: str, cluster: EmulatedCluster) -> dict[str, Any]:
    return fleet.api.save_block("cluster-credentials", name, kubeconfig=cluster.kubeconfig)


def _known(fleet: Fleet, name: str, cluster: EmulatedCluster) -> None:
    """Leave a cluster as register-cluster leaves it, save the run."""
    _block(fleet, name, cluster)
    one = Cluster(name=name, credential=BlockRef(name=name), links_accounts=True)
    with in_force(fleet.database):
        transact(clusters.register, one, state=ClusterState(), at=clock.now(), flow_run="")


@pytest.fixture(scope="package")
def deployed(fleet: Fleet, before: Before) -> Iterator[dict[str, Any]]:
    """Deploy all flows over what was served, for two workers; yields the server's view."""
    with fleet.workers("worker-1", "worker-2"):
        fleet.deploy()
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
