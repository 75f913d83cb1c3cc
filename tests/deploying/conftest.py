"""One Prefect server for the session, and two workers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from deployments.backup.installation import Installation
from deployments.simulators.kubernetes import SimulatedCluster
from models.discovery.trust import MANAGED_LABEL
from tasks.store.migrate import migrate
from tests.deploying.fleet import Fleet, running_fleet
from tests.deploying.request_order import RequestLog, harbor_with_log
from tests.real.postgres import Postgres
from tests.support.backups import sqlite_installation
from tests.support.databases import use_database
from tests.support.helpers import PASSWORD, HarborServer
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
        with use_database(url):
            migrate(url)
        with running_fleet(Path(folder), url) as server_fleet:
            yield server_fleet


def _block(fleet: Fleet, name: str, cluster: SimulatedCluster) -> dict[str, Any]:
    return fleet.api.save_block("cluster-credentials", name, kubeconfig=cluster.kubeconfig)


def _create_old_deployment(fleet: Fleet) -> None:
    """Deploy a flow as an earlier version did, whose schedule had another name and was paused."""
    flow = fleet.api.request("POST", "/flows/", {"name": "sync-namespaces"})
    schedule = {"schedule": {"interval": 60}, "slug": "every-minute", "active": False}
    deployment = {"name": "default", "flow_id": flow["id"], "schedules": [schedule]}
    fleet.api.request("POST", "/deployments/", deployment)


@pytest.fixture(scope="package")
def deployment_view(fleet: Fleet) -> Iterator[dict[str, Any]]:
    """Deploy all flows, for two workers; yields the server's view."""
    _create_old_deployment(fleet)
    fleet.deploy()
    with fleet.workers("worker-1", "worker-2"):
        yield fleet.api.view()


@dataclass(frozen=True)
class CreatedHarbor:
    """A Harbor that the platform created in the cluster `prod`, and said so twice."""

    uid: str
    ref: dict[str, str]
    harbor: HarborServer
    request_log: RequestLog
    cluster: SimulatedCluster
    messages: list[str]


@pytest.fixture(scope="package")
def created_harbor(fleet: Fleet, deployment_view: dict[str, Any]) -> Iterator[CreatedHarbor]:
    """Register a cluster, and integrate a Harbor in it, as a platform does: through the API."""
    del deployment_view
    namespaces = {"shop": "red", "till": "red", "lab": "blue"}
    with harbor_with_log(*SPACES) as (harbor, request_log), cluster_with(**namespaces) as cluster:
        block = _block(fleet, "prod", cluster)
        fleet.api.run("register-cluster", name="prod", credentials=block)
        cluster.add_namespace("hub", {MANAGED_LABEL: "true"})
        uid = cluster.add_harbor_cluster("hub", "main", harbor.url, PASSWORD)
        ref = {"cluster": "prod", "namespace": "hub", "name": "main"}
        run_count = len(fleet.api.runs(FLOW))
        for _ in range(2):
            fleet.api.send("harbor.created", "harbor.prod.hub.main", **ref)
        runs = fleet.api.wait_for_event_runs(FLOW, run_count + 2)[run_count:]
        messages = fleet.api.wait_for_runs(*(run["id"] for run in runs))
        yield CreatedHarbor(uid, ref, harbor, request_log, cluster, messages)


@pytest.fixture
def state(fleet: Fleet) -> Iterator[None]:
    """The workers' database, in force for this process too."""
    with use_database(fleet.database):
        yield


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """An installation on SQLite that is backed up and restored."""
    with sqlite_installation(tmp_path / "data") as sqlite:
        yield sqlite
