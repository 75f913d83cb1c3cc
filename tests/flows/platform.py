"""A platform for the tests of access: a Harbor, emulated clusters, and who may pull what."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deployments.sandbox.kubernetes import EmulatedCluster, running_cluster
from deployments.sandbox.puller import can_pull
from flows.bind_space import bind_space
from flows.register_cluster import register_cluster
from flows.syncing import ClusterReport, sync_clusters
from flows.unbind_space import unbind_space
from models.access import Binding, Grant
from models.cluster import WORKSPACE_LABEL
from models.delivery import Delivery
from tasks.kubernetes.credentials import ClusterCredentials
from tasks.store import bindings, clusters, grants
from tasks.store.session import transact
from tests.flows.stories import Place, completed

LABEL = WORKSPACE_LABEL


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
    handed = cluster.image_pull_secrets(namespace)
    secret = cluster.secret(namespace) if handed else None
    image = f"{place.url.partition('//')[2]}/{space}/app:latest"
    return await asyncio.to_thread(can_pull, image, secret)


def grants_of(name: str) -> tuple[Grant, ...]:
    """The robot accounts on record that pull."""
    return tuple(one for one in transact(grants.grants, name) if one.workspace)


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
