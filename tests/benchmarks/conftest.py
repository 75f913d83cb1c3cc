"""One Prefect server and one fresh database for all benchmarks."""

import gc
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from prefect.testing.utilities import prefect_test_harness
from pydantic import SecretStr

from flows.operations.integration import save_new_registry
from flows.runs import new_run_context
from models.core.audit import AuditEntry
from models.core.settings import get_settings
from models.registries.credential_origin import new_credential_origins
from models.registries.registry import BlockRef, Kind, Registry
from tasks.registries.protocol import Credential
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.migrate import migrate
from tasks.store.session import get_engine, run_in_transaction
from tests.benchmarks.simulated import PASSWORD

CREDENTIALS = {"bench": Credential("admin", SecretStr(PASSWORD))}


@pytest.fixture(scope="session", autouse=True)
def prefect() -> Iterator[None]:
    os.environ.update(DO_NOT_TRACK="1", PREFECT_SERVER_ANALYTICS_ENABLED="false")
    with prefect_test_harness(server_startup_timeout=120):
        credentials = RegistryCredentials(username="admin", password=PASSWORD)
        BLOCK_IDS["bench"] = str(credentials.save("bench", overwrite=True))
        yield


BLOCK_IDS: dict[str, str] = {}
"""Id of each saved block, by name."""


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_DATABASE_URL", f"sqlite:///{tmp_path / 'state.db'}")
    monkeypatch.setenv("REGISTRY_INTEGRATION_SECRET_KEYS", Fernet.generate_key().decode())
    gc.collect()
    gc.freeze()  # as the fork server does, from which runs are forked
    get_settings.cache_clear()
    get_engine.cache_clear()
    migrate(get_settings().database)


def integrate_registries(urls: list[str]) -> list[str]:
    """Write registries down as integrated, without probing; return their names."""
    names = [f"harbor-{number:03d}" for number in range(len(urls))]
    for name, url in zip(names, urls, strict=True):
        registry = Registry(
            name=name, kind=Kind.HARBOR, address=url, credential=BlockRef(name="bench")
        )
        entry = AuditEntry(subject=name, action="registry.integrated")
        origins = new_credential_origins(registry, BLOCK_IDS)
        run_in_transaction(
            save_new_registry,
            registry,
            entry,
            new_run_context(),
            approved_origins=origins,
        )
    return names


async def measure_seconds(work: Callable[[], Awaitable[object]]) -> float:
    """Return the seconds that something takes."""
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


def print_ratio(label: str, product_seconds: float, bare_seconds: float, suffix: str = "") -> None:
    """Print one figure as a ratio."""
    ratio = product_seconds / bare_seconds
    seconds = f"{product_seconds:.2f} s, bare {bare_seconds:.2f} s"
    print(f"\n  {label}: {seconds}, ratio {ratio:.2f}{suffix}")
