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
settings.register_profile("thorough", settings.get_profile("house"), max_examples=400)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))

# Simulated Harbors are on the loopback, managed ones too; programs that tests start inherit it.
os.environ.setdefault("REGISTRY_INTEGRATION_ALLOWED_NETWORKS", LOOPBACK_NETWORKS)

REGISTRY_USERS = {"user": "pw"}

_SHARED_PRODUCTS = ("fleet", "product")
"""Fixtures that serve a product once for all tests that use it."""

_FIRST = ("test_coming_back.py", "test_two_workers.py", "test_deploying.py")
"""Files whose tests take longest, and mostly wait: no process ends with one of them alone."""

_MAX_PROCESSES = 4


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes run the tests: two more than processors, as many tests wait."""
    return min(_MAX_PROCESSES, (os.cpu_count() or 1) + 2)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares a served product in one of the processes that tests are spread over."""
    for item in items:
        for name in _SHARED_PRODUCTS:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=lambda item: item.path.name not in _FIRST)


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
