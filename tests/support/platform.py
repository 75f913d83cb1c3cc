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
from deployments.simulators.kubernetes import EmulatedCluster, running_cluster
from flows.access.bind_space import bind_space
from flows.access.unbind_space import unbind_space
from flows.clusters.register_cluster import register_cluster
from flows.operations.reconcile_registry import PLAIN, Report, reconcile
from flows.operations.sync_clusters import ClusterReport, sync_clusters
from models.access.binding import Binding
from models.clusters.cluster import SECRET_NAME, Cluster, ClusterState
from models.clusters.pull_secret import Delivery
from models.core.labels import WORKSPACE_LABEL
from models.registries.registry import BlockRef
from models.registries.robots import Grant
from models.tables import DepartureRow, GrantRow, ManagedRow
from tasks import clock
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.store.access import bindings, clusters
from tasks.store.access.binding_change import to_bind, to_unbind
from tasks.store.leases import leased
from tasks.store.registries import robots
from tasks.store.session import transact
from tests.support.helpers import Place, completed, harbor_at, settled

LABEL = WORKSPACE_LABEL
HOMES: dict[str, str | None] = {"shop": "red", "till": "red", "lab": "blue"}
"""Namespaces of a platform, each with its workspace, unless a test says otherwise."""


@contextmanager
def cluster_with(**namespaces: str | None) -> Iterator[EmulatedCluster]:
    """Run an emulated cluster with these namespaces, each with its workspace."""
    with running_cluster() as cluster:
        for name, workspace in namespaces.items():
            cluster.add_namespace(name, {LABEL: workspace} if workspace else {})
        yield cluster


async def cluster_block(name: str, cluster: EmulatedCluster) -> dict[str, Any]:
    """Save a kubeconfig as a person does, and return the reference that a run is given."""
    await ClusterCredentials(kubeconfig=cluster.kubeconfig).save(name, overwrite=True)
    return {"$ref": {"block_document_slug": f"cluster-credentials/{name}"}}


async def registered(name: str, cluster: EmulatedCluster, **more: Any) -> str:
    """Register a cluster."""
    return await completed(register_cluster, name, await cluster_block(name, cluster), **more)


async def bound(registry: str, spaces: list[str], *workspaces: str) -> str:
    """Bind spaces to workspaces."""
    return await completed(bind_space, registry, spaces, list(workspaces))


async def unbound(registry: str, spaces: list[str], *workspaces: str) -> str:
    """Unbind spaces from workspaces."""
    return await completed(unbind_space, registry, spaces, list(workspaces), allow_large=True)


async def synced(*names: str, **more: Any) -> dict[str, ClusterReport]:
    """Sync clusters as the schedule does."""
    reports = await sync_clusters.fn(list(names) or None, patience=10, **more)
    return {report.cluster: report for report in reports}


async def pulls(place: Place, cluster: EmulatedCluster, namespace: str, space: str) -> bool:
    """Whether a pod of a namespace can pull a space's image with what it is handed out."""
    handed = SECRET_NAME in cluster.image_pull_secrets(namespace)
    secret = cluster.secret(namespace) if handed else None
    image = f"{place.url.partition('//')[2]}/{space}/app:latest"
    return await asyncio.to_thread(can_pull, image, secret)


def grants_of(name: str) -> tuple[Grant, ...]:
    """The robot accounts on record that pull."""
    return tuple(one for one in transact(robots.grants, name) if one.workspace)


def bindings_of(name: str) -> tuple[Binding, ...]:
    return transact(bindings.bindings, registry=name)


def deliveries_in(cluster: str) -> dict[str, Delivery]:
    return {one.namespace: one for one in transact(clusters.deliveries, cluster)}


def robots_in(place: Place) -> dict[str, frozenset[str]]:
    """What each robot account that pulls may pull in Harbor itself, by its stored name."""
    return {
        robot.stored: frozenset(each.namespace for each in robot.permissions)
        for robot in place.harbor.robots.values()
        if "observer" not in robot.stored
    }


async def known_cluster(name: str, cluster: EmulatedCluster, *, links: bool = True) -> None:
    """Leave a cluster as register-cluster leaves it, save the run: many tests begin there."""
    await cluster_block(name, cluster)
    one = Cluster(name=name, credential=BlockRef(name=name), links_accounts=links)
    transact(clusters.register, one, state=ClusterState(), at=clock.now(), flow_run="")
    await synced(name)


@dataclass(frozen=True)
class Minute:
    """What the schedules did once."""

    registry: Report
    clusters: dict[str, ClusterReport]

    @property
    def said(self) -> str:
        """All that a person is told."""
        told = [self.registry.problem]
        told += [text for one in self.clusters.values() for text in (one.problem, one.unread)]
        return "; ".join(text for text in told if text)

    @property
    def reasons(self) -> set[str]:
        """Why changes were made, or tried, in the registry and in clusters."""
        made = {one.change.reason for one in self.registry.outcomes}
        for report in self.clusters.values():
            made |= {one.change.reason for one in report.outcomes}
        return {reason.value for reason in made}


def passed(**time: float) -> None:
    """Let time pass: for robot accounts, those who left their workspace, and refused passwords."""

    def shift(session: Session) -> None:
        for table, columns in _TIMES.items():
            for row in session.exec(select(table)):
                for name in columns:
                    before = getattr(row, name)
                    setattr(row, name, before - timedelta(**time) if before else None)
                session.add(row)

    transact(shift)


_TIMES: dict[type[GrantRow | DepartureRow | ManagedRow], tuple[str, ...]] = {
    ManagedRow: ("refused_at",),
    GrantRow: ("made_at", "rolled_out_at"),
    DepartureRow: ("left_at", "rotated_at"),
}


async def a_minute(name: str, **more: Any) -> Minute:
    """Let the schedules run once: the registry is reconciled, then all clusters are synced."""
    with disable_run_logger():
        async with leased(name) as holder:
            report = await reconcile(name, holder, PLAIN, **more)
        return Minute(report, await synced())


@dataclass(frozen=True)
class Platform:
    """A Harbor and a cluster that are integrated already, and what happens between them."""

    name: str
    place: Place
    cluster: EmulatedCluster
    others: dict[str, EmulatedCluster] = field(default_factory=dict)

    async def bind(self, *spaces: str, to: str = "red") -> Minute:
        """Bind as bind-space does, save the run and its pages."""
        asked = transact(to_bind, self.name, spaces, [to], clock.now())
        transact(bindings.bind, asked.bindings, at=clock.now(), flow_run="")
        return await a_minute(self.name)

    async def unbind(self, *spaces: str, of: str = "red") -> Minute:
        """Unbind as unbind-space does, save the run and its pages."""
        asked = transact(to_unbind, self.name, spaces, [of])
        transact(bindings.unbind, asked.bindings, "asked", at=clock.now(), flow_run="")
        return await a_minute(self.name)

    async def pulls(self, namespace: str, space: str, cluster: str = "") -> bool:
        """Whether a pod of a namespace can pull a space's image."""
        return await pulls(self.place, self.others.get(cluster, self.cluster), namespace, space)

    @property
    def robot(self) -> Any:
        """The one robot account that pulls, as it is in Harbor itself."""
        found = [each for each in self.place.harbor.robots.values() if each.description]
        (one,) = [each for each in found if "observing" not in each.description]
        return one

    def writes(self) -> int:
        """How many requests wanted to change something, anywhere."""
        asked = [self.cluster, *self.others.values()]
        return len(self.place.writes()) + sum(len(each.requests.writes()) for each in asked)

    async def quiet(self) -> bool:
        """Whether the next run finds all as it shall be: nothing planned, written or complained."""
        before = self.writes()
        minute = await a_minute(self.name)
        assert (minute.said, minute.registry.plan.changes) == ("", ())
        assert not any(report.plan.changes for report in minute.clusters.values())
        assert all(one.status == "delivered" for one in transact(clusters.deliveries))
        assert all(one.effective_at for one in bindings_of(self.name))
        return self.writes() == before

    async def after_departures(self) -> None:
        """Let the time pass in which what those who left have copied ends."""
        passed(minutes=16)
        await a_minute(self.name)
        await a_minute(self.name)

    async def granted(self, *spaces: str) -> bool:
        """Check all that shall be so where red is bound to these spaces and nobody to any other."""
        assert list(robots_in(self.place).values()) == ([frozenset(spaces)] if spaces else [])
        assert [one.spaces for one in grants_of(self.name)] == ([spaces] if spaces else [])
        for space in ("team-a", "team-b"):
            for namespace in ("shop", "till"):
                assert await self.pulls(namespace, space) is (space in spaces), (namespace, space)
            assert not await self.pulls("lab", space)
        held = deliveries_in("eu")
        assert set(held) == ({"shop", "till"} if spaces else set())
        assert all(
            (self.cluster.secret(each) is not None) is bool(spaces)
            for each in HOMES
            if each != "lab"
        )
        return await self.quiet()


@asynccontextmanager
async def platform(
    name: str,
    *spaces: str,
    homes: Mapping[str, str | None] = MappingProxyType(HOMES),
    links: bool = True,
) -> AsyncIterator[Platform]:
    """Run a Harbor with an image in each space, and a cluster `eu`; both are known here."""
    with harbor_at(*spaces) as place, cluster_with(**homes) as cluster:
        for space in spaces:
            place.harbor.add_image(f"{space}/app", "latest")
        await settled(name, place.url)
        await known_cluster("eu", cluster, links=links)
        yield Platform(name, place, cluster)
