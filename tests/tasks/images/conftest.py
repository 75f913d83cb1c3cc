"""A database of its own for each test, and no budget unless a test sets one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.core.settings import get_settings
from tests.support.databases import migrated_sqlite, use_database
from tests.support.simulator_servers import serving
from tests.tasks.images.tools import Server, record_registry


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a database with all tables, in force for this process."""
    monkeypatch.setenv("REGISTRY_INTEGRATION_STORAGE_REQUESTS_PER_MINUTE", "1000000000")
    folder = tmp_path / "database"
    folder.mkdir()
    with use_database(migrated_sqlite(folder)) as url:
        yield url


@pytest.fixture
def set_budget(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A function that sets the requests per minute."""

    def set_requests(requests: int) -> None:
        monkeypatch.setenv("REGISTRY_INTEGRATION_STORAGE_REQUESTS_PER_MINUTE", str(requests))
        get_settings.cache_clear()

    yield set_requests
    get_settings.cache_clear()


@pytest.fixture
def server() -> Iterator[Server]:
    """A simulated registry behind faults, on record."""
    server = Server()
    with serving(server.faults) as server.url:
        record_registry(server.url)
        yield server
