"""For each test a database of its own."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import stamina
from cryptography.fernet import Fernet
from prefect.logging import disable_run_logger

from models.core.labels import WORKSPACE_LABEL
from models.core.settings import get_settings
from tasks.store.migrate import migrate
from tests.support.databases import migrated_sqlite, use_database
from tests.support.helpers import Server
from tests.support.random_events import SECOND_LABEL
from tests.support.random_platform import SharedServers, shared_servers

_numbers = count(1)
KEY = Fernet.generate_key().decode()
"""The key that robot accounts' secrets are sealed with."""


@pytest.fixture
def database(
    tmp_path: Path, prefect_server: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A migrated SQLite in force, and short waits."""
    monkeypatch.setenv("REGISTRY_INTEGRATION_CONNECT_SECONDS", "2")
    monkeypatch.setenv("REGISTRY_INTEGRATION_READ_SECONDS", "2")
    monkeypatch.setenv("REGISTRY_INTEGRATION_OPERATION_SECONDS", "20")
    monkeypatch.setenv("REGISTRY_INTEGRATION_SECRET_KEYS", KEY)
    monkeypatch.setenv("REGISTRY_INTEGRATION_MANAGED_WAIT_SECONDS", "0")
    monkeypatch.setenv("REGISTRY_INTEGRATION_RECHECK_SECONDS", "0")
    with use_database(migrated_sqlite(tmp_path)) as url:
        yield url
    get_settings.cache_clear()


@pytest.fixture
def name_on_postgresql(
    postgres_url: str, prefect_server: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The same with a PostgreSQL in force."""
    monkeypatch.setenv("REGISTRY_INTEGRATION_RECHECK_SECONDS", "0")
    with use_database(postgres_url):
        migrate(postgres_url)
        yield f"reg-{next(_numbers)}"


@pytest.fixture
def name(database: str) -> str:
    """A registry's name that no other test has: artifacts and events are the server's."""
    return f"reg-{next(_numbers)}"


@pytest.fixture(scope="module")
def servers() -> Iterator[SharedServers]:
    """The servers, and what all worlds share: no waiting, and no logs in Prefect."""
    with (
        pytest.MonkeyPatch.context() as patch,
        disable_run_logger(),
        stamina.set_testing(True, attempts=3, cap=True),
        shared_servers() as running_servers,
    ):
        patch.setenv("REGISTRY_INTEGRATION_SECRET_KEYS", Fernet.generate_key().decode())
        labels = f"{WORKSPACE_LABEL},{SECOND_LABEL}"
        patch.setenv("REGISTRY_INTEGRATION_WORKSPACE_LABELS", labels)
        patch.setenv("REGISTRY_INTEGRATION_SUPERSEDED_MINUTES", "0")
        yield running_servers
