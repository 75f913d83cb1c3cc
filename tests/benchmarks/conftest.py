"""One Prefect server and one fresh database for all benchmarks."""

import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from prefect.testing.utilities import prefect_test_harness
from pydantic import SecretStr

from models.core.audit import Entry
from models.core.settings import settings
from models.registries.credential_origin import given_origins
from models.registries.registry import BlockRef, Kind, Registry
from tasks import clock
from tasks.registries.protocol import Credential
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.migrate import migrate
from tasks.store.registries import registries
from tasks.store.session import engine_for, transact
from tests.benchmarks.simulated import PASSWORD

CREDENTIALS = {"bench": Credential("admin", SecretStr(PASSWORD))}


@pytest.fixture(scope="session", autouse=True)
def prefect() -> Iterator[None]:
    os.environ.update(DO_NOT_TRACK="1", PREFECT_SERVER_ANALYTICS_ENABLED="false")
    with prefect_test_harness(server_startup_timeout=120):
        RegistryCredentials(username="admin", password=PASSWORD).save("bench", overwrite=True)
        yield


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_DATABASE_URL", f"sqlite:///{tmp_path / 'state.db'}")
    settings.cache_clear()
    engine_for.cache_clear()
    migrate(settings().database)


def integrated(urls: list[str]) -> list[str]:
    """Write registries down as integrated, without probing; return their names."""
    names = [f"harbor-{number:03d}" for number in range(len(urls))]
    for name, url in zip(names, urls, strict=True):
        registry = Registry(
            name=name, kind=Kind.HARBOR, address=url, credential=BlockRef(name="bench")
        )
        entry = Entry(subject=name, what="registry.integrated")
        given = given_origins(registry, {"bench": ""})
        transact(registries.add, registry, entry, at=clock.now(), flow_run="", given=given)
    return names


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return the seconds that something takes."""
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


def tell(what: str, ours: float, bare: float, more: str = "") -> None:
    """Print one figure as a ratio."""
    print(f"\n  {what}: {ours:.2f} s, bare {bare:.2f} s, ratio {ours / bare:.2f}{more}")


def speed(password_seconds: float) -> str:
    """Say how quick the simulated Harbor is."""
    return f"{1000 * password_seconds:.0f} ms a password" if password_seconds else "instant Harbor"
