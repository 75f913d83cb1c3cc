"""A simulated and a real Docker Registry side by side, with the same content."""

from collections.abc import Iterator

import pytest

from deployments.simulators.docker_registry import (
    BasicAuth,
    SimulatedDockerRegistry,
    StoredManifest,
    build_index,
)
from deployments.simulators.docker_registry.images import build_manifest
from deployments.simulators.server import run_server
from tests.conftest import REGISTRY_USERS
from tests.real.docker_registry import (
    delete_manifest,
    push,
    push_index,
    running_docker_registry,
)

SMALL_PAGE = 5

REPOSITORIES = ("p/r0", "p-a", "p/r0/sub", "p.a", *(f"z/{number:03}" for number in range(110)))


def _simulate(
    users: dict[str, str] | None = None, page_limit: int = 1000
) -> SimulatedDockerRegistry:
    auth = BasicAuth(users) if users else None
    return SimulatedDockerRegistry(auth, page_limit=page_limit)


@pytest.fixture(scope="session")
def simulated_registry() -> Iterator[str]:
    """A simulated registry with every sort of repository."""
    registry = _simulate()
    registry.add_repository("team/app", tags=("v1", "v2"))
    images = [StoredManifest(build_manifest("team/app", tag)) for tag in ("v1", "v2")]
    registry.add_manifest("team/app", "multi", build_index(images))
    registry.remove_tags("team/old")
    for name in REPOSITORIES:
        registry.add_repository(name)
    with run_server(registry.app) as url:
        yield url


@pytest.fixture(scope="session")
def real_registry() -> Iterator[str]:
    """A real one with the same content."""
    with running_docker_registry() as url:
        digests = [push(url, "team/app", tag) for tag in ("v1", "v2")]
        push_index(url, "team/app", "multi", digests)
        delete_manifest(url, "team/old", push(url, "team/old", "v1"))
        for name in REPOSITORIES:
            push(url, name, "v1")
        yield url


@pytest.fixture
def registry_urls(simulated_registry: str, real_registry: str) -> tuple[str, str]:
    """The two of them, to be compared."""
    return simulated_registry, real_registry


@pytest.fixture(scope="session")
def locked_registry_urls() -> Iterator[tuple[str, str]]:
    """The two behind htpasswd, with a small `catalog.maxentries`."""
    simulated = _simulate(REGISTRY_USERS, SMALL_PAGE)
    (login,) = REGISTRY_USERS.items()
    with (
        run_server(simulated.app) as url,
        running_docker_registry(users=REGISTRY_USERS, page_limit=SMALL_PAGE) as real_url,
    ):
        for number in range(SMALL_PAGE + 2):
            simulated.add_repository(f"many/{number}")
            push(real_url, f"many/{number}", "v1", login)
        yield url, real_url


@pytest.fixture(params=["simulated_registry", "real_registry"])
def filled_registry(request: pytest.FixtureRequest) -> str:
    """One of the two, so that a scenario runs against each."""
    url: str = request.getfixturevalue(request.param)
    return url
