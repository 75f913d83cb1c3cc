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
from models.registries.robots import robot_stem
from tasks.http.tls import context_for
from tasks.store.installation import installation
from tasks.store.session import transact
from tests.flows.conftest import database, name, prefect_server
from tests.live.clusters import Emulated, LiveCluster, real
from tests.live.images import sweep
from tests.live.live_environment import Scene
from tests.live.servers import Live
from tests.support.helpers import PASSWORD, harbor_at

__all__ = ["database", "name", "prefect_server"]


@pytest.fixture
def live_harbor() -> Live:
    return Live(Kind.HARBOR, "HARBOR")


@pytest.fixture
def live_docker() -> Live:
    return Live(Kind.DOCKER, "DOCKER_REGISTRY")


@pytest.fixture
def story_harbor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """Your Harbor, or a simulated one if only a cluster is named."""
    if authority := os.environ.get("LIVE_CA_FILE"):
        # For whom pulls as a node does, and for a managed Harbor: nobody says whom to trust there.
        monkeypatch.setenv("SSL_CERT_FILE", authority)
        context_for.cache_clear()
    if os.environ.get("HARBOR_URL") or not os.environ.get("KUBECONFIG"):
        yield Live(Kind.HARBOR, "HARBOR")
        return
    with harbor_at() as place:
        monkeypatch.setenv("HARBOR_URL", place.url)
        monkeypatch.setenv("HARBOR_USERNAME", "admin")
        monkeypatch.setenv("HARBOR_PASSWORD", PASSWORD)
        yield Live(Kind.HARBOR, "HARBOR")


@pytest_asyncio.fixture
async def story_cluster() -> AsyncIterator[LiveCluster]:
    """Your cluster, or an emulated one if only a Harbor is named."""
    path = os.environ.get("KUBECONFIG")
    if path:
        admin = Path(path).read_text()
        service = Path(os.environ.get("SERVICE_KUBECONFIG") or path).read_text()
        async with real(admin, service) as cluster:
            yield cluster
        return
    with running_cluster() as emulated:
        yield Emulated(emulated)


@pytest.fixture
def story_console(story_harbor: Live) -> Iterator[httpx.Client]:
    """Its own API."""
    yield from console_of(story_harbor)


@pytest.fixture
def story_projects(story_console: httpx.Client, database: str) -> Iterator[list[str]]:
    """Two names for projects; they go in the end with all that is in them, and our robots."""
    wanted = [f"ri-live-{uuid4().hex[:10]}" for _ in range(2)]
    yield wanted
    sweep(story_console, wanted, robot_stem(transact(installation)))


@pytest.fixture
def scene(
    story_harbor: Live,
    story_console: httpx.Client,
    story_cluster: LiveCluster,
    story_projects: list[str],
) -> Scene:
    mine, other = story_projects
    workspace = f"ri-live-{uuid4().hex[:8]}"
    return Scene(story_harbor, story_console, story_cluster, mine, other, workspace)


@pytest.fixture
def harbor_console(live_harbor: Live) -> Iterator[httpx.Client]:
    """Harbor's own API, as somebody else uses it beside us."""
    yield from console_of(live_harbor)


def console_of(live: Live) -> Iterator[httpx.Client]:
    """Open Harbor's own API."""
    known = live.credential
    assert known is not None, "HARBOR_USERNAME and HARBOR_PASSWORD are needed"
    auth = (known.username, known.password.get_secret_value())
    verify = context_for(live.tls)
    base = f"{live.url.rstrip('/')}/api/v2.0"
    with httpx.Client(auth=auth, verify=verify, base_url=base, timeout=30) as client:
        yield client


@pytest.fixture
def project(harbor_console: httpx.Client) -> Iterator[str]:
    """A name for a project, which is deleted in the end if it was created."""
    wanted = f"ri-live-{uuid4().hex[:10]}"
    yield wanted
    harbor_console.cookies.clear()
    harbor_console.delete(f"/projects/{wanted}", headers={"X-Is-Resource-Name": "true"})
