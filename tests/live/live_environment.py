"""A Harbor and a cluster, and what happens between them: each is yours, or simulated."""

import asyncio
from dataclasses import dataclass

import httpx

from deployments.simulators.docker_pull import can_pull
from flows.clusters.register_cluster import register_cluster
from models.clusters.cluster import PULL_SECRET_NAME
from models.core.labels import WORKSPACE_LABEL
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.store.access import clusters
from tasks.store.session import run_in_transaction
from tests.live.clusters import Content, LiveCluster
from tests.live.images import pull_by_basic
from tests.live.servers import LiveServer
from tests.support.helpers import expect_success


@dataclass(frozen=True)
class LiveEnvironment:
    """A Harbor, a cluster, and names that are free in both.

    Attributes:
        console: Harbor's own API.
        shop, lab, hub: namespaces of the workspace, of another, and of no workspace.
    """

    harbor: LiveServer
    console: httpx.Client
    cluster: LiveCluster
    own_project: str
    other_project: str
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
        return f"{self.harbor.registry.parsed_address.netloc}/{space}/app:v1"

    async def pulls(self, space: str, secret: Content | None) -> bool:
        """Whether an image can be pulled with a pull secret, as a node does."""
        scheme = self.harbor.registry.parsed_address.scheme
        return await asyncio.to_thread(can_pull, self.image(space), secret, scheme=scheme)

    def pull_status(self, space: str, secret: Content) -> int:
        """Pull without a token, which Harbor judges by what holds at this moment."""
        return pull_by_basic(self.console, self.image(space), secret)

    async def pull_secret(self, namespace: str) -> Content:
        """What pods of a namespace are handed."""
        assert PULL_SECRET_NAME in await self.cluster.links(namespace)
        secret = await self.cluster.secret(namespace)
        assert secret is not None
        return secret


async def register(environment: LiveEnvironment) -> None:
    """Make the namespaces, and register their cluster."""
    await environment.cluster.add_namespace(
        environment.shop, {WORKSPACE_LABEL: environment.workspace}
    )
    await environment.cluster.add_namespace(
        environment.lab, {WORKSPACE_LABEL: f"{environment.workspace}-two"}
    )
    await ClusterCredentials(kubeconfig=environment.cluster.kubeconfig).save("live", overwrite=True)
    block = {"$ref": {"block_document_slug": "cluster-credentials/live"}}
    await expect_success(register_cluster, "live", block)
    status = run_in_transaction(clusters.get_cluster, "live").status
    assert status.missing_rights == (), "SERVICE_KUBECONFIG lacks rights of rbac.yaml"
