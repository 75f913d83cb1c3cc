"""A Harbor and a cluster, and what happens between them: each is yours, or simulated."""

import asyncio
from dataclasses import dataclass

import httpx

from deployments.simulators.docker_pull import can_pull
from flows.clusters.register_cluster import register_cluster
from models.clusters.cluster import SECRET_NAME
from models.core.labels import WORKSPACE_LABEL
from tasks.secrets.cluster_credentials import ClusterCredentials
from tests.live.clusters import Content, LiveCluster
from tests.live.images import pull_by_basic
from tests.live.servers import Live
from tests.support.helpers import completed


@dataclass(frozen=True)
class Scene:
    """A Harbor, a cluster, and names that are free in both.

    Attributes:
        console: Harbor's own API.
        shop, lab, hub: namespaces of the workspace, of another, and of no workspace.
    """

    harbor: Live
    console: httpx.Client
    cluster: LiveCluster
    mine: str
    other: str
    workspace: str

    @property
    def shop(self) -> str:
        return f"{self.workspace}-shop"

    @property
    def lab(self) -> str:
        return f"{self.workspace}-lab"

    @property
    def hub(self) -> str:
        return f"{self.workspace}-hub"

    @property
    def managed(self) -> str:
        """What a Harbor of the namespace `hub` is called."""
        return f"live-{self.hub}-harbor"

    def image(self, space: str) -> str:
        return f"{self.harbor.registry.where.netloc}/{space}/app:v1"

    async def pulls(self, space: str, secret: Content | None) -> bool:
        """Whether an image can be pulled with a pull secret, as a node does."""
        scheme = self.harbor.registry.where.scheme
        return await asyncio.to_thread(can_pull, self.image(space), secret, scheme=scheme)

    def basic(self, space: str, secret: Content) -> int:
        """Pull without a token, which Harbor judges by what holds at this moment."""
        return pull_by_basic(self.console, self.image(space), secret)

    async def held(self, namespace: str) -> Content:
        """What pods of a namespace are handed."""
        assert SECRET_NAME in await self.cluster.links(namespace)
        found = await self.cluster.secret(namespace)
        assert found is not None
        return found


async def registered(scene: Scene) -> None:
    """Make the namespaces, and register their cluster."""
    await scene.cluster.add_namespace(scene.shop, {WORKSPACE_LABEL: scene.workspace})
    await scene.cluster.add_namespace(scene.lab, {WORKSPACE_LABEL: f"{scene.workspace}-two"})
    await ClusterCredentials(kubeconfig=scene.cluster.kubeconfig).save("live", overwrite=True)
    block = {"$ref": {"block_document_slug": "cluster-credentials/live"}}
    await completed(register_cluster, "live", block)
