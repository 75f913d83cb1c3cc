"""One Prefect server for the session, first served from one process, then by two workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from deployments.sandbox.kubernetes import EmulatedCluster
from tasks.store.migrating import migrate
from tasks.store.session import engine_for
from tests.databases import in_force
from tests.deploying.fleet import Fleet, running_fleet
from tests.flows.platform import cluster_with
from tests.flows.stories import PASSWORD, harbor_at
from tests.real.postgres import Postgres

FLOW = "integrate-managed-harbor"


@dataclass(frozen=True)
class Before:
    """How it was when one process served all flows."""

    view: dict[str, Any]
    started: list[dict[str, Any]]
    said: list[str]


@pytest.fixture(scope="session")
def fleet(real_postgres: Postgres) -> Iterator[Fleet]:
    """A server, and a PostgreSQL for our own state; nobody works yet."""
    with (
        TemporaryDirectory(prefix="fleet-", ignore_cleanup_errors=True) as folder,
        real_postgres.fresh_database() as url,
    ):
        migrate(url)
        engine_for(url).dispose()
        with running_fleet(Path(folder), url) as found:
            yield found


@contextmanager
def joined(fleet: Fleet, name: str) -> Iterator[EmulatedCluster]:
    """Register an emulated cluster through the API, as a platform does."""
    with cluster_with(shop="red", till="red", lab="blue") as cluster:
        block = fleet.api.save_block("cluster-credentials", name, kubeconfig=cluster.kubeconfig)
        fleet.api.done("register-cluster", name=name, credentials=block)
        yield cluster


@pytest.fixture(scope="session")
def before(fleet: Fleet) -> Before:
    """Serve all flows, and let the platform say that it created a Harbor."""
    with fleet.served():
        view = fleet.api.view()
        fleet.api.pause_schedules()
        with harbor_at() as place, joined(fleet, "served") as cluster:
            cluster.add_harbor_cluster("hub", "main", place.url, PASSWORD)
            where = {"cluster": "served", "namespace": "hub", "name": "main"}
            fleet.api.send("harbor.created", "harbor.served.hub.main", **where)
            started = fleet.api.started_by_event(FLOW, 1)
            said = fleet.api.ended(*(run["id"] for run in started))
    return Before(view, started, said)


@pytest.fixture(scope="session")
def deployed(fleet: Fleet, before: Before) -> Iterator[dict[str, Any]]:
    """Deploy all flows over what was served, for two workers; yields the server's view."""
    with fleet.workers("worker-1", "worker-2"):
        fleet.deploy()
        view = fleet.api.view()
        fleet.api.pause_schedules()
        yield view


@pytest.fixture
def state(fleet: Fleet) -> Iterator[None]:
    """The workers' database, in force for this process too."""
    with in_force(fleet.database):
        yield
