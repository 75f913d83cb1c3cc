"""Count the storage of a Docker Registry: first and second sweep, size of the tables, memory."""

import asyncio
import json
import resource
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from sqlmodel import Session

from deployments.simulators.docker_registry import SimulatedDockerRegistry, build_image
from models.core.settings import get_settings
from models.images.manifest import IMAGE_TYPES, INDEX_TYPES, Manifest
from models.images.repository import Repository
from models.images.sweep import Stage, SweepProgress
from models.registries.observation import Coverage
from models.registries.registry import Kind
from tasks.http.limits import ClientLimits
from tasks.images.count import publish_count
from tasks.images.sweep import sweep_slice
from tasks.registries.docker import open_docker_registry
from tasks.registries.protocol import ClientOptions
from tasks.store.registries import images
from tasks.store.registries.statistics import list_registry_statistics
from tasks.store.session import in_transaction, run_in_transaction
from tests.benchmarks import bare
from tests.benchmarks.conftest import measure_seconds, print_ratio
from tests.benchmarks.simulated import docker_registry
from tests.support.builders import registry
from tests.tasks.store.tools import integrate

REPOSITORIES, TAGS, LAYERS, OWN_LAYERS = 100, 20, 8, 2
MANY_REPOSITORIES = 5_000
MAX_DATABASE_BYTES, MAX_MEMORY_BYTES, MAX_RATIO = 100e6, 200e6, 1.5
ROUNDS = 2


def _filled_registry() -> SimulatedDockerRegistry:
    simulated = SimulatedDockerRegistry()
    for number in range(REPOSITORIES):
        for tag in range(TAGS):
            shared = {f"base-{number}-{layer}": 1000 for layer in range(LAYERS - OWN_LAYERS)}
            own = {f"own-{number}-{tag}-{layer}": 1000 for layer in range(OWN_LAYERS)}
            image = build_image({**shared, **own}, f"config-{number}-{tag}")
            simulated.add_manifest(f"team-{number % 10}/app-{number}", f"v{tag}", image)
    return simulated


@pytest.fixture(autouse=True)
def no_budget(monkeypatch: pytest.MonkeyPatch, database: None) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_STORAGE_REQUESTS_PER_MINUTE", "1000000000")
    get_settings.cache_clear()


async def test_first_and_second_sweep() -> None:
    tags = REPOSITORIES * TAGS
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    requests: dict[str, int] = {}
    with docker_registry(_filled_registry) as url:
        integrate(registry(Kind.DOCKER, address=url))
        for _ in range(ROUNDS):  # in turns, so that the load of the machine is the same for both
            run_in_transaction(images.delete_count, "prod")
            for label in ("first", "second"):
                is_first = label == "first"
                bare_seconds = await measure_seconds(partial(_bare, url, is_first))
                started = time.perf_counter()
                requests[label] = await _sweep(url)
                seconds[label, "product"].append(time.perf_counter() - started)
                seconds[label, "bare"].append(bare_seconds)
    (statistics,) = run_in_transaction(list_registry_statistics)
    assert statistics.record.storage_coverage == Coverage(counted=tags, total=tags)
    for label, count in requests.items():
        product, loop = min(seconds[label, "product"]), min(seconds[label, "bare"])
        print_ratio(f"{label} sweep of {tags} tags", product, loop, f", {count} requests")
    assert requests == {  # the login, the catalog, the tags, the digests and the manifests
        "first": 1 + 1 + REPOSITORIES + 2 * tags,
        "second": 1 + 1 + REPOSITORIES + tags,
    }
    for label in requests:
        ratio = min(seconds[label, "product"]) / min(seconds[label, "bare"])
        assert ratio <= MAX_RATIO, label


async def _sweep(url: str) -> int:
    options = ClientOptions(None, ClientLimits.for_registry(get_settings()))
    async with open_docker_registry(registry(Kind.DOCKER, address=url), options) as client:
        reader = await client.open_images()
        while True:
            await sweep_slice("prod", reader, seconds=600)
            progress = await in_transaction(images.get_progress, "prod")
            if progress.stage is Stage.DONE:
                return reader.request_count


async def _bare(url: str, is_first: bool) -> None:
    """List all tags, ask for the digest of each, and at first for each manifest; add up."""
    accept = {"Accept": ", ".join(IMAGE_TYPES + INDEX_TYPES)}
    limits = httpx.Limits(max_connections=bare.MAX_CONCURRENCY)
    semaphore = asyncio.Semaphore(bare.MAX_CONCURRENCY)
    sizes: dict[str, int] = {}
    async with httpx.AsyncClient(base_url=url, limits=limits, headers=accept) as client:

        async def read(name: str, tag: str) -> None:
            async with semaphore:
                digest = (await client.head(f"/v2/{name}/manifests/{tag}")).headers[
                    "docker-content-digest"
                ]
                if is_first:
                    response = await client.get(f"/v2/{name}/manifests/{digest}")
                    sizes[digest] = len(response.content)
                    for blob in response.json()["layers"]:
                        sizes[blob["digest"]] = blob["size"]

        async def list_tags(name: str) -> list[tuple[str, str]]:
            async with semaphore:
                response = await client.get(f"/v2/{name}/tags/list")
                return [(name, tag) for tag in response.json()["tags"]]

        names = (await client.get("/v2/_catalog?n=1000")).json()["repositories"]
        lists = await asyncio.gather(*(list_tags(name) for name in names))
        await asyncio.gather(*(read(*work) for tags in lists for work in tags))


def _key(*parts: object) -> bytes:
    return sha256(json.dumps(parts).encode()).digest()


def _fill_tables(session: Session, first: int, count: int) -> None:
    repositories, manifests = [], dict[bytes, Manifest | None]()
    for number in range(first, first + count):
        shared = [(_key("base", number, layer), 10**7) for layer in range(LAYERS - OWN_LAYERS)]
        tags = {}
        for tag in range(TAGS):
            own = [(_key("own", number, tag, layer), 10**6) for layer in range(OWN_LAYERS)]
            blobs = [(_key("config", number, tag), 5000), *shared, *own]
            tags[f"v1.0.{tag}"] = digest = _key("manifest", number, tag)
            manifests[digest] = Manifest(size=2000, blobs=tuple(blobs))
        repositories.append(Repository(name=f"team-{number % 500}/service-{number}", tags=tags))
    images.save_repositories(session, "prod", repositories)
    images.save_manifests(session, "prod", manifests)


async def test_size_of_the_tables_and_memory(tmp_path: Path) -> None:
    integrate(registry(Kind.DOCKER))
    for first in range(0, MANY_REPOSITORIES, 100):
        await in_transaction(_fill_tables, first, 100)
    with _traced_memory() as peak:
        started = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        await publish_count("prod", SweepProgress(), None)
        seconds = resource.getrusage(resource.RUSAGE_SELF).ru_utime - started
    octets = sum(file.stat().st_size for file in tmp_path.glob("state.db*"))
    used = MANY_REPOSITORIES * TAGS * (2000 + 5000 + OWN_LAYERS * 10**6)
    used += MANY_REPOSITORIES * (LAYERS - OWN_LAYERS) * 10**7
    (statistics,) = run_in_transaction(list_registry_statistics)
    assert statistics.storage_used == used
    print(
        f"\n  count of {MANY_REPOSITORIES * TAGS} tags: database {octets / 1e6:.0f} MB, "
        f"memory {peak[0] / 1e6:.0f} MB, {seconds:.1f} s (traced)"
    )
    assert octets < MAX_DATABASE_BYTES
    assert peak[0] < MAX_MEMORY_BYTES


@contextmanager
def _traced_memory() -> Iterator[list[int]]:
    peak: list[int] = []
    tracemalloc.start()
    try:
        yield peak
        peak.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
