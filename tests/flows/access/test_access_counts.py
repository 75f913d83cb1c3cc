"""What granting costs: 50 workspaces, 1,000 private spaces, all bound, and 1,000 namespaces.

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

from deployments.simulators.asgi import App, Receive, Scope, Send
from deployments.simulators.harbor import Harbor
from deployments.simulators.kubernetes import EmulatedCluster
from deployments.simulators.server import running
from flows.operations.reconcile_registry import PLAIN, Report, reconcile
from flows.operations.sync_cluster import ClusterReport, sync_cluster
from models.access.binding import Binding, Workspace
from models.clusters.cluster import Cluster, ClusterState
from models.core.audit import Entry
from models.core.labels import WORKSPACE_LABEL
from models.core.settings import settings
from models.registries.registry import BlockRef, Kind, Registry
from tasks import clock
from tasks.clusters.paging import PAGE_SIZE
from tasks.registries.protocol import Credential, SavedCredential
from tasks.store.access import bindings, clusters, workspaces
from tasks.store.access.binding_change import to_bind
from tasks.store.access.clusters import lease_key
from tasks.store.leases import leased
from tasks.store.registries import registries
from tasks.store.session import engine_for, transact
from tests.support.databases import in_force, migrated_sqlite

WORKSPACES, SPACES, NAMESPACES = 50, 1000, 1000
HARBOR, CLUSTER = "harbor", "prod"
HARBOR_PAGE = 100
HOW_IT_IS = 4
"""Requests of a look at a Harbor beside its lists: health, who we are, version, totals."""


class Gauge:
    """How many requests a service was working on at once; each takes it a moment."""

    def __init__(self, app: App) -> None:
        self._app, self._now, self.most = app, 0, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await asyncio.sleep(0.001)
            await self._app(scope, receive, send)
        finally:
            self._now -= 1


@dataclass(frozen=True)
class Platform:
    """A large platform, its Harbor and its cluster each behind a gauge."""

    harbor: Harbor
    cluster: EmulatedCluster
    harbor_gauge: Gauge
    cluster_gauge: Gauge

    async def reconcile(self) -> Report:
        admin = Credential("admin", SecretStr("Harbor12345"))
        found = {"admin": SavedCredential(admin, frozenset({self.harbor.external_url}))}
        async with leased(HARBOR) as holder:
            report = await reconcile(HARBOR, holder, PLAIN, credentials=found)
        assert report.problem == ""
        return report

    async def sync(self) -> ClusterReport:
        kubeconfigs = {CLUSTER: SecretStr(self.cluster.kubeconfig)}
        async with leased(lease_key(CLUSTER)) as holder:
            report = await sync_cluster(CLUSTER, holder, kubeconfigs)
        assert report.problem == report.unread == ""
        return report

    def asked(self) -> tuple[Counter[str], Counter[str]]:
        """Return the methods that each was asked with since, and begin anew."""
        counted = tuple(
            Counter(one.method for one in log)
            for log in (self.harbor.requests, self.cluster.requests)
        )
        self.harbor.requests.clear()
        self.cluster.requests.clear()
        return counted[0], counted[1]


@pytest.fixture
def large_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REGISTRY_INTEGRATION_SECRET_KEYS", Fernet.generate_key().decode())
    with in_force(migrated_sqlite(tmp_path)):
        yield


@pytest.fixture
def large(large_database: None) -> Iterator[Platform]:
    with disable_run_logger(), _served() as platform:
        transact(_known, platform.harbor.external_url)
        yield platform


@contextmanager
def _served() -> Iterator[Platform]:
    harbor, cluster = Harbor(lockout_seconds=0), EmulatedCluster()
    for number in range(SPACES - 1):  # and `library`
        harbor.add_project(f"space-{number:04}")
    for number in range(NAMESPACES):
        cluster.add_namespace(f"ns-{number:04}", {WORKSPACE_LABEL: _workspace(number)})
    gauges = Gauge(harbor.app), Gauge(cluster.app)
    with running(gauges[0]) as harbor.external_url, running(gauges[1]) as cluster.url:
        yield Platform(harbor, cluster, *gauges)


def _workspace(number: int) -> str:
    return f"team-{number % WORKSPACES:02}"


def _known(session: Session, url: str) -> None:
    at, told = clock.now(), Entry(subject=HARBOR, what="registry.integrated")
    block = BlockRef(name="admin")
    one = Registry(name=HARBOR, kind=Kind.HARBOR, address=url, credential=block)
    registries.add(session, one, told, at=at, flow_run="")
    cluster = Cluster(name=CLUSTER, credential=BlockRef(name=CLUSTER))
    clusters.register(session, cluster, at=at, flow_run="", state=ClusterState())


def _bind(session: Session, spaces: list[str], workspaces: list[str]) -> int:
    """Bind as the flow does: ask what is missing, then write it down."""
    at = clock.now()
    asked = to_bind(session, HARBOR, spaces, workspaces, at)
    return bindings.bind(session, asked.bindings, at=at, flow_run="")


async def test_requests_grow_with_pages_and_workspaces_and_not_with_bindings(
    large: Platform,
) -> None:
    await large.reconcile()
    await large.sync()
    looking = large.asked()
    assert looking == (_harbor_look(robots=0), _cluster_look(secrets=0))

    teams = [_workspace(number) for number in range(WORKSPACES)]
    assert transact(_bind, ["space-*"], teams) == WORKSPACES * (SPACES - 1)
    await large.reconcile()
    harbor, _ = large.asked()
    assert harbor == _harbor_look(robots=0) + Counter(POST=WORKSPACES)

    await large.sync()
    _, cluster = large.asked()
    writes = cluster["PATCH"]
    assert writes == 2 * NAMESPACES
    # To extend a ServiceAccount's list, it is read first.
    assert cluster == _cluster_look(secrets=0) + Counter(PATCH=writes, GET=NAMESPACES)

    assert transact(_bind, ["library"], teams[:1]) == 1
    await large.reconcile()
    await large.sync()
    assert large.asked() == (
        _harbor_look(robots=WORKSPACES) + Counter(PUT=1),
        _cluster_look(secrets=NAMESPACES),
    )

    await large.reconcile()
    await large.sync()
    assert large.asked() == (_harbor_look(robots=WORKSPACES), _cluster_look(secrets=NAMESPACES))

    assert 1 < large.harbor_gauge.most <= settings().requests_at_once
    assert 1 < large.cluster_gauge.most <= settings().cluster_requests_at_once


def test_many_bindings_are_written_noted_and_taken_away_by_few_statements(
    large_database: None,
) -> None:
    at = clock.now()
    transact(_known, "http://harbor.test")
    for number in range(WORKSPACES):
        workspace = Workspace(name=_workspace(number))
        transact(workspaces.create, workspace, (), at=at, flow_run="")
    wanted = [
        Binding(registry=HARBOR, space=f"space-{space}", workspace=_workspace(team), bound_at=at)
        for space in range(SPACES // 10)
        for team in range(WORKSPACES)
    ]
    with _statements() as bound:
        assert transact(bindings.bind, wanted, at=at, flow_run="") == len(wanted)
    with _statements() as noted:
        transact(bindings.note_effective, transact(bindings.not_yet_effective), at)
    assert transact(bindings.not_yet_effective) == ()
    with _statements() as unbound:
        assert transact(bindings.unbind, wanted, "asked", at=at, flow_run="") == len(wanted)
    assert transact(bindings.bindings) == ()
    assert max(len(bound), len(noted), len(unbound)) <= 5, (bound, noted, unbound)


@contextmanager
def _statements() -> Iterator[list[str]]:
    """Collect what is executed; one statement for many rows counts once."""
    seen: list[str] = []
    engine = engine_for(settings().database)

    def note(_: object, __: object, statement: str, *more: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def _harbor_look(robots: int) -> Counter[str]:
    lists = max(math.ceil(robots / HARBOR_PAGE), 1) + math.ceil(SPACES / HARBOR_PAGE)
    return Counter(GET=HOW_IT_IS + lists)


def _cluster_look(secrets: int) -> Counter[str]:
    """Three lists; a cluster has two namespaces of its own, each with a ServiceAccount."""
    everywhere = math.ceil((NAMESPACES + 2) / PAGE_SIZE)
    return Counter(GET=2 * everywhere + max(math.ceil(secrets / PAGE_SIZE), 1))
