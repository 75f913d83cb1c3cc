"""Read storage figures of registries that are due, side by side."""

import asyncio
from collections.abc import Mapping, Sequence

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from models.core.errors import IntegrationError
from models.core.settings import settings
from models.registries.record import Dossier
from tasks import clock
from tasks.registries.connect import opened
from tasks.registries.protocol import SavedCredential
from tasks.store.registries import statistics
from tasks.store.session import stored


@task(name="measure", cache_policy=NO_CACHE, persist_result=False)
async def measure(
    dossiers: Sequence[Dossier], credentials: Mapping[str, SavedCredential]
) -> tuple[str, ...]:
    """Read and save storage figures; return the names of registries that did not tell.

    A registry that does not answer keeps its last figures.
    """
    places = asyncio.Semaphore(settings().registries_at_once)

    async def one(dossier: Dossier) -> str:
        name = dossier.registry.name
        async with places:
            try:
                await _measure_one(dossier, credentials)
            except (IntegrationError, TimeoutError) as error:
                get_run_logger().warning("Storage of %s is not known: %s", name, error)
                return name
        return ""

    silent = await asyncio.gather(*(one(dossier) for dossier in dossiers))
    return tuple(name for name in silent if name)


async def _measure_one(dossier: Dossier, credentials: Mapping[str, SavedCredential]) -> None:
    registry = dossier.registry
    async with (
        asyncio.timeout(settings().operation_seconds),
        opened(registry, credentials=credentials) as client,
    ):
        reading = await client.read_storage()
    await stored(statistics.save_storage, registry.name, reading, clock.now())
