"""What the tests of the sweep share: a registry on record, slices of its sweep, and figures."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deployments.simulators.docker_registry import (
    SimulatedDockerRegistry,
    StoredManifest,
    build_image,
)
from deployments.simulators.faults import Fault, FaultInjector, Respond
from models.images.sweep import Stage, SweepProgress
from models.overview.overview import RegistryStatistics
from models.registries.registry import Kind
from tasks.images.sweep import sweep_slice
from tasks.registries.protocol import Credential, ImageReader
from tasks.store.registries import images
from tasks.store.registries.statistics import list_registry_statistics
from tasks.store.session import run_in_transaction
from tests.support.builders import registry
from tests.tasks.registries.tools import open_client
from tests.tasks.store.tools import integrate

NAME = "prod"


def record_registry(url: str, **options: object) -> None:
    """Put a Docker Registry on record."""
    integrate(registry(Kind.DOCKER, name=NAME, address=url).model_copy(update=options))


@asynccontextmanager
async def open_reader(url: str, credential: Credential | None = None) -> AsyncIterator[ImageReader]:
    """Open the images of a Docker Registry."""
    async with open_client(url, kind=Kind.DOCKER, credential=credential) as client:
        reader = await client.open_images()
        assert reader is not None
        yield reader


async def sweep(url: str, credential: Credential | None = None) -> int:
    """Do slices until the sweep has ended; return the number of requests."""
    async with open_reader(url, credential) as reader:
        first_count = reader.request_count
        for _ in range(50):
            await sweep_slice(NAME, reader)
            if get_progress().stage is Stage.DONE:
                return reader.request_count - first_count
    raise AssertionError(f"the sweep does not end: {get_progress()}")


async def slice_once(url: str, seconds: float = 30.0) -> SweepProgress:
    """Do one slice, and return where it ended."""
    async with open_reader(url) as reader:
        await sweep_slice(NAME, reader, seconds)
    return get_progress()


def get_progress() -> SweepProgress:
    """Return how far the sweep is."""
    return run_in_transaction(images.get_progress, NAME)


def figures() -> RegistryStatistics:
    """Return what is on record for the registry."""
    (statistics,) = run_in_transaction(list_registry_statistics)
    return statistics


def counted() -> tuple[int | None, int, int]:
    """Return the bytes, the counted tags and all tags."""
    record = figures().record
    assert record.storage_coverage is not None
    return record.storage_used, record.storage_coverage.counted, record.storage_coverage.total


BASE = {"base": 1000}
ONE, TWO = build_image({**BASE, "one": 1}), build_image({**BASE, "two": 2})
SIZE_ONE, SIZE_TWO = len(ONE.content) + 2001, len(TWO.content) + 2002


class Server:
    """A simulated registry behind faults, and the requests that it got."""

    def __init__(self, **options: object) -> None:
        self.registry = SimulatedDockerRegistry(**options)  # type: ignore[arg-type]
        self.faults = FaultInjector(self.registry.app)
        self.url = ""

    def add(self, repository: str, tag: str, manifest: StoredManifest = ONE) -> None:
        self.registry.add_manifest(repository, tag, manifest)

    def fail(self, path: str, status: int = 500, **options: object) -> None:
        headers = (("Content-Type", "text/plain"), ("Retry-After", "0"))
        action = Respond(status, headers=headers)
        self.faults.add(Fault(action, path=path, **{"times": None, **options}))  # type: ignore[arg-type]

    def take_requests(self) -> Counter[str]:
        """Count requests by kind since the last call."""
        kinds = Counter(
            f"{record.method} {'manifest' if '/manifests/' in record.target else 'list'}"
            for record in self.registry.requests
        )
        self.registry.requests.clear()
        return kinds
