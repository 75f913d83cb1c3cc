"""Fixtures for the real parts; each skips where its part is missing, and fails there in CI."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from models.core.network import LOOPBACK_NETWORKS
from tests.real.docker_registry import running_docker_registry
from tests.real.postgres import Postgres, running_postgres

if TYPE_CHECKING:
    from tests.support.helpers import Server

# Not in the repository, where pytest would stumble over the folder; and machines may be slow.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")
settings.register_profile("house", deadline=None, database=None)
settings.load_profile("house")

# Simulated Harbors are on the loopback, managed ones too; programs that tests start inherit it.
os.environ.setdefault("REGISTRY_INTEGRATION_ALLOWED_NETWORKS", LOOPBACK_NETWORKS)

REGISTRY_USERS = {"user": "pw"}

_SHARED_PRODUCT_PACKAGES = frozenset({"browser", "deploying", "serving"})
"""Packages in which all tests share a product that is served once."""


_LONGEST_PACKAGE = "serving"
"""It mostly waits for time to pass. It runs first, so that no process ends with it alone."""


_MAX_PROCESSES = 4


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes run the tests: one more than processors, as one mostly waits."""
    return min(_MAX_PROCESSES, (os.cpu_count() or 1) + 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares a served product in one of the processes that tests are spread over."""
    for item in items:
        if item.path.parent.name in _SHARED_PRODUCT_PACKAGES:
            item.add_marker(pytest.mark.xdist_group(item.path.parent.name))
    items.sort(key=lambda item: item.path.parent.name != _LONGEST_PACKAGE)


@pytest.fixture
def real_docker_registry() -> Iterator[str]:
    """The URL of a real, empty docker-registry that lets everybody in."""
    with running_docker_registry() as url:
        yield url


@pytest.fixture
def real_docker_registry_basic() -> Iterator[str]:
    """The same behind htpasswd, with REGISTRY_USERS."""
    with running_docker_registry(users=REGISTRY_USERS) as url:
        yield url


@pytest.fixture(scope="session")
def real_postgres() -> Iterator[Postgres]:
    """One real PostgreSQL for the session."""
    with running_postgres() as postgres:
        yield postgres


@pytest.fixture
def postgres_url(real_postgres: Postgres) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh, empty database in a real PostgreSQL."""
    with real_postgres.fresh_database() as url:
        yield url


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Server"]:
    """One Prefect server for the session: for flows, and for the console."""
    from tests.support.prefect_server import running_prefect_server  # noqa: PLC0415 - slow

    with running_prefect_server(tmp_path_factory.mktemp("prefect")) as server:
        yield server
