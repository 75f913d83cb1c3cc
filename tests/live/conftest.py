"""The servers that the environment names."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from deployments.simulators.kubernetes import running_cluster
from models.registries.registry import Kind
from models.registries.robots import robot_prefix
from tasks.http.tls import tls_context
from tasks.registries.server import registry_tls_context
from tasks.store.installation import get_installation
from tasks.store.session import run_in_transaction
from tests.flows.conftest import database, name
from tests.live.clusters import LiveCluster, live_cluster
from tests.live.images import clean_up
from tests.live.live_environment import LiveEnvironment
from tests.live.servers import LiveServer
from tests.support.helpers import PASSWORD, harbor_with

__all__ = ["database", "name"]


@pytest.fixture
def live_harbor() -> LiveServer:
    return LiveServer(Kind.HARBOR, "HARBOR")


@pytest.fixture
def live_docker() -> LiveServer:
    return LiveServer(Kind.DOCKER, "DOCKER_REGISTRY")


@pytest.fixture
def environment_harbor(monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    """Your Harbor, or a simulated one if only a cluster is named."""
    if authority := os.environ.get("LIVE_CA_FILE"):
        # For whom pulls as a node does, and for a managed Harbor: nobody says whom to trust there.
        monkeypatch.setenv("SSL_CERT_FILE", authority)
        tls_context.cache_clear()
    if os.environ.get("HARBOR_URL") or not os.environ.get("KUBECONFIG"):
        yield LiveServer(Kind.HARBOR, "HARBOR")
        return
    with harbor_with() as harbor:
        monkeypatch.setenv("HARBOR_URL", harbor.url)
        monkeypatch.setenv("HARBOR_USERNAME", "admin")
        monkeypatch.setenv("HARBOR_PASSWORD", PASSWORD)
        yield LiveServer(Kind.HARBOR, "HARBOR")


@pytest_asyncio.fixture
async def environment_cluster() -> AsyncIterator[LiveCluster]:
    """Your cluster, or an emulated one if only a Harbor is named."""
    path = os.environ.get("KUBECONFIG")
    if path:
        admin = Path(path).read_text()
        service = Path(os.environ.get("SERVICE_KUBECONFIG") or path).read_text()
        async with live_cluster(admin, service) as cluster:
            yield cluster
        return
    with running_cluster() as emulated:
        emulated.install_operator(["v1beta1"])
        admin = emulated.kubeconfig_with_token(emulated.admin_token)
        async with live_cluster(admin, emulated.kubeconfig) as cluster:
            yield cluster


@pytest.fixture
def environment_console(environment_harbor: LiveServer) -> Iterator[httpx.Client]:
    """Its own API."""
    yield from console_of(environment_harbor)


@pytest.fixture
def environment_projects(environment_console: httpx.Client, database: str) -> Iterator[list[str]]:
    """Two names for projects; they go in the end with all that is in them, and our robots."""
    project_names = [f"ri-live-{uuid4().hex[:10]}" for _ in range(2)]
    yield project_names
    clean_up(environment_console, project_names, robot_prefix(run_in_transaction(get_installation)))


@pytest.fixture
def environment(
    environment_harbor: LiveServer,
    environment_console: httpx.Client,
    environment_cluster: LiveCluster,
    environment_projects: list[str],
) -> LiveEnvironment:
    own_project, other_project = environment_projects
    workspace = f"ri-live-{uuid4().hex[:8]}"
    return LiveEnvironment(
        environment_harbor,
        environment_console,
        environment_cluster,
        own_project,
        other_project,
        workspace,
    )


@pytest.fixture
def harbor_console(live_harbor: LiveServer) -> Iterator[httpx.Client]:
    """Harbor's own API, as somebody else uses it beside us."""
    yield from console_of(live_harbor)


def console_of(server: LiveServer) -> Iterator[httpx.Client]:
    """Open Harbor's own API."""
    credential = server.credential
    assert credential is not None, "HARBOR_USERNAME and HARBOR_PASSWORD are needed"
    auth = (credential.username, credential.password.get_secret_value())
    verify = registry_tls_context(server.registry)
    base = f"{server.url.rstrip('/')}/api/v2.0"
    with httpx.Client(auth=auth, verify=verify, base_url=base, timeout=30) as client:
        yield client


@pytest.fixture
def project(harbor_console: httpx.Client, database: str) -> Iterator[str]:
    """A name for a project; it goes in the end if it was created, and our robots with it."""
    project_name = f"ri-live-{uuid4().hex[:10]}"
    yield project_name
    clean_up(harbor_console, [project_name], robot_prefix(run_in_transaction(get_installation)))
