"""A platform for the tests of access: a Harbor, emulated clusters, and who may pull what."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from prefect.logging import disable_run_logger
from sqlmodel import Session, select

from deployments.simulators.docker_pull import can_pull
from deployments.simulators.kubernetes import SimulatedCluster, running_cluster
from flows.access.bind_space import bind_space
from flows.access.unbind_space import unbind_space
from flows.clusters.register_cluster import register_cluster
from flows.operations import bindings as binding_operations
from flows.operations import memberships
from flows.operations.reconcile_registry import AS_FUNCTIONS, reconcile
from flows.operations.run_results import RegistryRunResult
from flows.operations.sync_clusters import ClusterSyncResult, sync_clusters
from flows.runs import hold_lease, new_run_context
from models.access.binding import Binding
from models.access.binding_change import plan_bind, plan_unbind
from models.clusters.cluster import PULL_SECRET_NAME, Cluster, ClusterStatus
from models.clusters.pull_secret import PullSecretStatus, RepairHistory
from models.core.labels import WORKSPACE_LABEL
from models.registries.registry import BlockRef
from models.registries.robots import RobotAccount
from models.registries.runs.baseline import Baseline
from models.tables import (
    DepartureRow,
    ManagedHarborRow,
    NamespaceRow,
    PullSecretRow,
    RegistryRow,
    RobotAccountRow,
)
from tasks import clock
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.store.access import bindings, clusters
from tasks.store.registries import robots
from tasks.store.session import run_in_transaction
from tasks.store.state import load_binding_records
from tests.support.helpers import HarborServer, add_registry, expect_success, harbor_with

LABEL = WORKSPACE_LABEL
NAMESPACES: dict[str, str | None] = {"shop": "red", "till": "red", "lab": "blue"}
"""Namespaces of a platform, each with its workspace, unless a test says otherwise."""


@contextmanager
def cluster_with(**namespaces: str | None) -> Iterator[SimulatedCluster]:
    """Run an emulated cluster with these namespaces, each with its workspace."""
    with running_cluster() as cluster:
        for name, workspace in namespaces.items():
            cluster.add_namespace(name, {LABEL: workspace} if workspace else {})
        yield cluster


async def save_kubeconfig(name: str, cluster: SimulatedCluster) -> dict[str, Any]:
    """Save a kubeconfig as a person does, and return the reference that a run is given."""
    await ClusterCredentials(kubeconfig=cluster.kubeconfig).save(name, overwrite=True)
    return {"$ref": {"block_document_slug": f"cluster-credentials/{name}"}}


async def register(name: str, cluster: SimulatedCluster, **options: Any) -> str:
    """Register a cluster."""
    return await expect_success(
        register_cluster, name, await save_kubeconfig(name, cluster), **options
    )


async def bind(registry: str, spaces: list[str], *workspaces: str) -> str:
    """Bind spaces to workspaces."""
    return await expect_success(bind_space, registry, spaces, list(workspaces))


async def unbind(registry: str, spaces: list[str], *workspaces: str) -> str:
    """Unbind spaces from workspaces."""
    return await expect_success(unbind_space, registry, spaces, list(workspaces), allow_large=True)


async def sync(*names: str, **options: Any) -> dict[str, ClusterSyncResult]:
    """Sync clusters as the schedule does."""
    reports = await sync_clusters.fn(list(names) or None, wait_seconds=10, **options)
    return {report.cluster: report for report in reports}


async def pulls(
    harbor: HarborServer, cluster: SimulatedCluster, namespace: str, space: str
) -> bool:
    """Whether a pod of a namespace can pull a space's image with what it is handed out."""
    is_linked = PULL_SECRET_NAME in cluster.image_pull_secrets(namespace)
    secret = cluster.secret(namespace) if is_linked else None
    image = f"{harbor.url.partition('//')[2]}/{space}/app:latest"
    return await asyncio.to_thread(can_pull, image, secret)


def recorded_robots(name: str) -> tuple[RobotAccount, ...]:
    """The robot accounts on record that pull."""
    return tuple(robot for robot in run_in_transaction(robots.list_robots, name) if robot.workspace)


def bindings_of(name: str) -> tuple[Binding, ...]:
    return run_in_transaction(bindings.list_bindings, registry=name)


def pull_secrets_in(cluster: str) -> dict[str, PullSecretStatus]:
    return {
        pull_secret.namespace: pull_secret
        for pull_secret in run_in_transaction(clusters.list_pull_secrets, cluster)
    }


def robots_in(harbor: HarborServer) -> dict[str, frozenset[str]]:
    """What each robot account that pulls may pull in Harbor itself, by its stored name."""
    return {
        robot.stored: frozenset(permission.namespace for permission in robot.permissions)
        for robot in harbor.simulator.robots.values()
        if "observer" not in robot.stored
    }


async def add_cluster(name: str, cluster: SimulatedCluster, *, links: bool = True) -> None:
    """Leave a cluster as register-cluster leaves it, save the run: many tests begin there."""
    await save_kubeconfig(name, cluster)
    record = Cluster(name=name, credential=BlockRef(name=name), links_accounts=links)
    run_in_transaction(
        memberships.add_or_update_cluster, record, ClusterStatus(), new_run_context()
    )
    await sync(name)


@dataclass(frozen=True)
class ScheduleResult:
    """What the schedules did once."""

    registry: RegistryRunResult
    clusters: dict[str, ClusterSyncResult]

    @property
    def message(self) -> str:
        """All that a person is told."""
        messages = [self.registry.error]
        messages += [
            text
            for report in self.clusters.values()
            for text in (report.error, report.unavailable_reason)
        ]
        return "; ".join(text for text in messages if text)

    @property
    def reasons(self) -> set[str]:
        """Why changes were made, or tried, in the registry and in clusters."""
        reasons = {result.change.reason for result in self.registry.results}
        for report in self.clusters.values():
            reasons |= {result.change.reason for result in report.results}
        return {reason.value for reason in reasons}


def advance_time(**duration: float) -> None:
    """Let time pass: for robot accounts, those who left their workspace, and more."""

    def shift(session: Session) -> None:
        for table, columns in _TIME_COLUMNS.items():
            for row in session.exec(select(table)):
                for name in columns:
                    before = getattr(row, name)
                    setattr(row, name, before - timedelta(**duration) if before else None)
                session.add(row)
        for registry in session.exec(select(RegistryRow)):
            registry.baseline = _shift_baseline(registry.baseline, timedelta(**duration))
            session.add(registry)
        for secret in session.exec(select(PullSecretRow)):
            secret.repairs = [_shift(history, timedelta(**duration)) for history in secret.repairs]
            session.add(secret)

    run_in_transaction(shift)


def _shift_baseline(values: dict[str, Any] | None, duration: timedelta) -> dict[str, Any] | None:
    if not values:
        return None
    before = Baseline.model_validate(values)
    times = {name: getattr(before, name) - duration for name in ("compared_at", "resync_at")}
    return before.model_copy(update=times).model_dump(mode="json")


def _shift(history: dict[str, Any], duration: timedelta) -> dict[str, Any]:
    before = RepairHistory.model_validate(history)
    times = tuple(time - duration for time in before.times)
    return before.model_copy(update={"times": times}).model_dump(mode="json")


_TIME_COLUMNS: dict[
    type[RobotAccountRow | DepartureRow | ManagedHarborRow | NamespaceRow], tuple[str, ...]
] = {
    ManagedHarborRow: ("refused_at",),
    RobotAccountRow: ("made_at", "rolled_out_at"),
    DepartureRow: ("left_at", "rotated_at"),
    NamespaceRow: ("problem_since",),
}


async def run_schedules(name: str, **options: Any) -> ScheduleResult:
    """Let the schedules run once: the registry is reconciled, then all clusters are synced."""
    with disable_run_logger():
        async with hold_lease(name) as context:
            report = await reconcile(name, context, AS_FUNCTIONS, resync=False, **options)
        return ScheduleResult(report, await sync())


@dataclass(frozen=True)
class Platform:
    """A Harbor and a cluster that are integrated already, and what happens between them."""

    name: str
    harbor: HarborServer
    cluster: SimulatedCluster
    other_clusters: dict[str, SimulatedCluster] = field(default_factory=dict)

    async def bind(self, *spaces: str, workspace: str = "red") -> ScheduleResult:
        """Bind as bind-space does, save the run and its pages."""
        records = run_in_transaction(load_binding_records, self.name)
        binding_change = plan_bind(records, spaces, [workspace], clock.now())
        run_in_transaction(binding_operations.bind, binding_change.bindings, new_run_context())
        return await run_schedules(self.name)

    async def unbind(self, *spaces: str, workspace: str = "red") -> ScheduleResult:
        """Unbind as unbind-space does, save the run and its pages."""
        records = run_in_transaction(load_binding_records, self.name)
        binding_change = plan_unbind(records, spaces, [workspace])
        run_in_transaction(
            binding_operations.unbind, binding_change.bindings, "asked", new_run_context()
        )
        return await run_schedules(self.name)

    async def pulls(self, namespace: str, space: str, cluster: str = "") -> bool:
        """Whether a pod of a namespace can pull a space's image."""
        return await pulls(
            self.harbor, self.other_clusters.get(cluster, self.cluster), namespace, space
        )

    @property
    def robot(self) -> Any:
        """The one robot account that pulls, as it is in Harbor itself."""
        accounts = [
            account for account in self.harbor.simulator.robots.values() if account.description
        ]
        (robot,) = [account for account in accounts if "observing" not in account.description]
        return robot

    def writes(self) -> int:
        """How many requests wanted to change something, anywhere."""
        all_clusters = [self.cluster, *self.other_clusters.values()]
        return len(self.harbor.writes()) + sum(
            len(cluster.requests.writes()) for cluster in all_clusters
        )

    async def is_in_sync(self) -> bool:
        """Whether the next run finds all as it shall be: nothing planned, written or complained."""
        before = self.writes()
        result = await run_schedules(self.name)
        assert (result.message, result.registry.plan.changes) == ("", ())
        assert not any(report.plan.changes for report in result.clusters.values())
        assert all(
            pull_secret.status == "delivered"
            for pull_secret in run_in_transaction(clusters.list_pull_secrets)
        )
        assert all(binding.effective_at for binding in bindings_of(self.name))
        return self.writes() == before

    async def expire_departures(self) -> None:
        """Let the time pass in which what those who left have copied ends."""
        advance_time(minutes=16)
        await run_schedules(self.name)
        await run_schedules(self.name)

    async def grants_exactly(self, *spaces: str) -> bool:
        """Check all that shall be so where red is bound to these spaces and nobody to any other."""
        assert list(robots_in(self.harbor).values()) == ([frozenset(spaces)] if spaces else [])
        assert [robot.spaces for robot in recorded_robots(self.name)] == (
            [spaces] if spaces else []
        )
        for space in ("team-a", "team-b"):
            for namespace in ("shop", "till"):
                assert await self.pulls(namespace, space) is (space in spaces), (namespace, space)
            assert not await self.pulls("lab", space)
        pull_secrets = pull_secrets_in("eu")
        assert set(pull_secrets) == ({"shop", "till"} if spaces else set())
        assert all(
            (self.cluster.secret(name) is not None) is bool(spaces)
            for name in NAMESPACES
            if name != "lab"
        )
        return await self.is_in_sync()


@asynccontextmanager
async def platform(
    name: str,
    *spaces: str,
    namespaces: Mapping[str, str | None] = MappingProxyType(NAMESPACES),
    links: bool = True,
) -> AsyncIterator[Platform]:
    """Run a Harbor with an image in each space, and a cluster `eu`; both are known here."""
    with harbor_with(*spaces) as harbor, cluster_with(**namespaces) as cluster:
        for space in spaces:
            harbor.simulator.add_image(f"{space}/app", "latest")
        await add_registry(name, harbor.url)
        await add_cluster("eu", cluster, links=links)
        yield Platform(name, harbor, cluster)
