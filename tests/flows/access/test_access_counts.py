"""What granting costs: 50 workspaces, 300 private spaces, all bound, and 600 namespaces.

Requests are counted and no time is measured; seconds are told by tests/benchmarks.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from prefect.logging import disable_run_logger
from pydantic import SecretStr
from sqlalchemy import event
from sqlmodel import Session
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.harbor import SimulatedHarbor
from deployments.simulators.kubernetes import SimulatedCluster
from deployments.simulators.server import run_server
from flows.operations import bindings as binding_operations
from flows.operations import memberships
from flows.operations.reconcile_registry import AS_FUNCTIONS, reconcile
from flows.operations.run_results import ClusterSyncResult, RegistryRunResult
from flows.operations.sync_cluster import hold_cluster, sync_cluster
from flows.runs import hold_lease
from models.access.binding import Binding, Workspace
from models.access.binding_change import plan_bind
from models.clusters.cluster import Cluster, ClusterStatus
from models.clusters.rights import REQUIRED_RIGHTS
from models.core.audit import AuditEntry
from models.core.labels import WORKSPACE_LABEL
from models.core.runs.context import RunContext
from models.core.settings import get_settings
from models.registries.registry import BlockRef, Kind, Registry
from tasks import clock
from tasks.clusters.paging import OBJECT_PAGE_SIZE
from tasks.registries.protocol import Credential, SavedCredential
from tasks.store.access import bindings
from tasks.store.registries import registries
from tasks.store.session import get_engine, run_in_transaction
from tasks.store.state import load_binding_records
from tests.support.databases import migrated_sqlite, use_database

WORKSPACES, SPACES, NAMESPACES = 50, 300, 600
"""More than one page of each, in Harbor and in the cluster, and 15,000 bindings."""
HARBOR, CLUSTER = "harbor", "prod"
HARBOR_PAGE = 100
STATUS_REQUESTS = 4
"""Requests of a look at a Harbor beside its lists: health, who we are, version, totals."""


class Gauge:
    """How many requests a service was working on at once; each takes it a moment."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._current, self.maximum = app, 0, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._current += 1
        self.maximum = max(self.maximum, self._current)
        try:
            await asyncio.sleep(0.001)
            await self._app(scope, receive, send)
        finally:
            self._current -= 1


@dataclass(frozen=True)
class LargePlatform:
    """A large platform, its Harbor and its cluster each behind a gauge."""

    harbor: SimulatedHarbor
    cluster: SimulatedCluster
    harbor_gauge: Gauge
    cluster_gauge: Gauge

    async def reconcile(self) -> RegistryRunResult:
        admin = Credential("admin", SecretStr("Harbor12345"))
        credentials = {"admin": SavedCredential(admin, frozenset({self.harbor.external_url}))}
        async with hold_lease(HARBOR) as context:
            report = await reconcile(HARBOR, context, AS_FUNCTIONS, credentials=credentials)
        assert report.error == ""
        return report

    async def sync(self) -> ClusterSyncResult:
        kubeconfigs = {CLUSTER: SecretStr(self.cluster.kubeconfig)}
        async with hold_cluster(CLUSTER) as (context, cluster_state):
            report = await sync_cluster(cluster_state, context, kubeconfigs)
        assert report.error == report.unavailable_reason == ""
        return report

    def take_request_counts(self) -> tuple[Counter[str], Counter[str]]:
        """Return the methods that each was asked with since, and begin anew."""
        counts = tuple(
            Counter(request.method for request in log)
            for log in (self.harbor.requests, self.cluster.requests)
        )
        self.harbor.requests.clear()
        self.cluster.requests.clear()
        return counts[0], counts[1]


@pytest.fixture
def large_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REGISTRY_INTEGRATION_SECRET_KEYS", Fernet.generate_key().decode())
    with use_database(migrated_sqlite(tmp_path)):
        yield


@pytest.fixture
def large_platform(large_database: None) -> Iterator[LargePlatform]:
    with disable_run_logger(), _serve() as platform:
        run_in_transaction(_register, platform.harbor.external_url)
        yield platform


@contextmanager
def _serve() -> Iterator[LargePlatform]:
    harbor, cluster = SimulatedHarbor(lockout_seconds=0), SimulatedCluster()
    for number in range(SPACES - 1):  # and `library`
        harbor.add_project(f"space-{number:04}")
    for number in range(NAMESPACES):
        cluster.add_namespace(f"ns-{number:04}", {WORKSPACE_LABEL: _workspace(number)})
    gauges = Gauge(harbor.app), Gauge(cluster.app)
    with run_server(gauges[0]) as harbor.external_url, run_server(gauges[1]) as cluster.url:
        yield LargePlatform(harbor, cluster, *gauges)


def _workspace(number: int) -> str:
    return f"team-{number % WORKSPACES:02}"


def _register(session: Session, url: str) -> None:
    at, entry = clock.now(), AuditEntry(subject=HARBOR, action="registry.integrated")
    block = BlockRef(name="admin")
    registry = Registry(name=HARBOR, kind=Kind.HARBOR, address=url, credential=block)
    registries.add_registry(session, registry, entry, RunContext(now=at))
    cluster = Cluster(name=CLUSTER, credential=BlockRef(name=CLUSTER))
    memberships.add_or_update_cluster(session, cluster, ClusterStatus(), RunContext(now=at))


def _bind(session: Session, spaces: list[str], workspaces: list[str]) -> int:
    """Bind as the flow does: ask what is missing, then write it down."""
    at = clock.now()
    records = load_binding_records(session, HARBOR)
    binding_change = plan_bind(records, spaces, workspaces, at)
    return binding_operations.bind(session, binding_change.bindings, RunContext(now=at))


async def test_requests_grow_with_pages_and_workspaces_and_not_with_bindings(
    large_platform: LargePlatform,
) -> None:
    await large_platform.reconcile()
    await large_platform.sync()
    requests = large_platform.take_request_counts()
    reviews = Counter(POST=len(REQUIRED_RIGHTS))  # of the rights, in the first run only
    assert requests == (_harbor_requests(robots=0), _cluster_requests(secrets=0) + reviews)

    teams = [_workspace(number) for number in range(WORKSPACES)]
    assert run_in_transaction(_bind, ["space-*"], teams) == WORKSPACES * (SPACES - 1)
    await large_platform.reconcile()
    harbor, _ = large_platform.take_request_counts()
    assert harbor == _harbor_requests(robots=0) + Counter(POST=WORKSPACES)

    await large_platform.sync()
    _, cluster = large_platform.take_request_counts()
    writes = cluster["PATCH"]
    assert writes == 2 * NAMESPACES
    # A ServiceAccount is written in the version that was listed.
    assert cluster == _cluster_requests(secrets=0) + Counter(PATCH=writes)

    assert run_in_transaction(_bind, ["library"], teams[:1]) == 1
    await large_platform.reconcile()
    await large_platform.sync()
    assert large_platform.take_request_counts() == (
        _harbor_requests(robots=WORKSPACES) + Counter(PUT=1),
        _cluster_requests(secrets=NAMESPACES),
    )

    await large_platform.reconcile()  # proves once the robot account that was written
    await large_platform.sync()
    assert large_platform.take_request_counts() == (
        _harbor_requests(robots=WORKSPACES) + Counter(GET=1),
        _cluster_requests(secrets=NAMESPACES),
    )

    await large_platform.reconcile()
    await large_platform.sync()
    assert large_platform.take_request_counts() == (
        _harbor_requests(robots=WORKSPACES),
        _cluster_requests(secrets=NAMESPACES),
    )

    assert 1 < large_platform.harbor_gauge.maximum <= get_settings().requests_at_once
    assert 1 < large_platform.cluster_gauge.maximum <= get_settings().cluster_requests_at_once


def test_many_bindings_are_written_noted_and_taken_away_by_few_statements(
    large_database: None,
) -> None:
    at = clock.now()
    run_in_transaction(_register, "http://harbor.test")
    for number in range(WORKSPACES):
        workspace = Workspace(name=_workspace(number))
        run_in_transaction(memberships.add_or_update_workspace, workspace, (), RunContext(now=at))
    new_bindings = [
        Binding(registry=HARBOR, space=f"space-{space}", workspace=_workspace(team), bound_at=at)
        for space in range(100)
        for team in range(WORKSPACES)
    ]
    with _statements() as bind_statements:
        assert run_in_transaction(binding_operations.bind, new_bindings, RunContext(now=at)) == len(
            new_bindings
        )
    with _statements() as update_statements:
        run_in_transaction(
            bindings.save_effective, run_in_transaction(bindings.list_not_yet_effective), at
        )
    assert run_in_transaction(bindings.list_not_yet_effective) == ()
    with _statements() as unbind_statements:
        assert run_in_transaction(
            binding_operations.unbind, new_bindings, "asked", RunContext(now=at)
        ) == len(new_bindings)
    assert run_in_transaction(bindings.list_bindings) == ()
    assert max(len(bind_statements), len(update_statements), len(unbind_statements)) <= 5, (
        bind_statements,
        update_statements,
        unbind_statements,
    )


@contextmanager
def _statements() -> Iterator[list[str]]:
    """Collect what is executed; one statement for many rows counts once."""
    statements: list[str] = []
    engine = get_engine(get_settings().database)

    def record_statement(_: object, __: object, statement: str, *more: object) -> None:
        if not statement.startswith("PRAGMA"):  # reaches no other machine
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", record_statement)
    yield statements
    event.remove(engine, "before_cursor_execute", record_statement)


def _harbor_requests(robots: int) -> Counter[str]:
    lists = max(math.ceil(robots / HARBOR_PAGE), 1) + math.ceil(SPACES / HARBOR_PAGE)
    return Counter(GET=STATUS_REQUESTS + lists)


def _cluster_requests(secrets: int) -> Counter[str]:
    """Three lists; a cluster has two namespaces of its own, each with a ServiceAccount."""
    pages = math.ceil((NAMESPACES + 2) / OBJECT_PAGE_SIZE)
    return Counter(GET=2 * pages + max(math.ceil(secrets / OBJECT_PAGE_SIZE), 1))
