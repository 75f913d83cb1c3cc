"""A simulated and a real Docker Registry side by side, with the same content."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import httpx
import pytest

from deployments.simulators.docker_registry import BasicAuth, SimulatedDockerRegistry
from deployments.simulators.server import run_server
from tests.conftest import REGISTRY_USERS
from tests.real.docker_registry import delete_manifest, push, running_docker_registry

SMALL_PAGE = 5

Kind = Literal["simulated", "real"]


@contextmanager
def _registry(
    kind: Kind, *, users: dict[str, str] | None = None, page_limit: int = 1000
) -> Iterator[str]:
    if kind == "real":
        with running_docker_registry(users=users, page_limit=page_limit) as url:
            yield url
    else:
        registry = SimulatedDockerRegistry(
            auth=BasicAuth(users) if users else None, page_limit=page_limit
        )
        with run_server(registry.app) as url:
            yield url


def _fill(url: str) -> None:
    """Give a registry every sort of repository."""
    push(url, "team/app", "v1")
    push(url, "team/app", "v2")
    for name in ("p/r0", "p-a", "p/r0/sub", "p.a"):
        push(url, name, "v1")
    delete_manifest(url, "team/old", push(url, "team/old", "v1"))
    layer = f"sha256:{hashlib.sha256(b'layer of team/app:v1').hexdigest()}"
    with httpx.Client(base_url=url) as client:
        # A mounted blob is the quickest way to a repository: listed, but never tagged.
        for name in ("blob/only", *(f"z/{number:03}" for number in range(110))):
            mounted = client.post(f"/v2/{name}/blobs/uploads/?mount={layer}&from=team/app")
            assert mounted.status_code == 201


@pytest.fixture(scope="session")
def simulated_registry() -> Iterator[str]:
    """A simulated registry with every sort of repository."""
    with _registry("simulated") as url:
        _fill(url)
        yield url


@pytest.fixture(scope="session")
def real_registry() -> Iterator[str]:
    """A real one with the same content."""
    with _registry("real") as url:
        _fill(url)
        yield url


@pytest.fixture
def registry_urls(simulated_registry: str, real_registry: str) -> tuple[str, str]:
    """The two of them, to be compared."""
    return simulated_registry, real_registry


@pytest.fixture(scope="session")
def locked_registry_urls() -> Iterator[tuple[str, str]]:
    """The two behind htpasswd, empty, with a small `catalog.maxentries`."""
    with (
        _registry("simulated", users=REGISTRY_USERS, page_limit=SMALL_PAGE) as simulated,
        _registry("real", users=REGISTRY_USERS, page_limit=SMALL_PAGE) as real,
    ):
        yield simulated, real


@pytest.fixture(params=["simulated_registry", "real_registry"])
def filled_registry(request: pytest.FixtureRequest) -> str:
    """One of the two, so that a scenario runs against each."""
    url: str = request.getfixturevalue(request.param)
    return url
