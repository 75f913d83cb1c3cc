"""Measure the storage of registries concurrently."""

import asyncio
from collections.abc import Mapping, Sequence

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from models.core.errors import IntegrationError
from models.core.settings import get_settings
from models.registries.record import RegistryRecord
from tasks import clock
from tasks.registries.connect import open_registry
from tasks.registries.protocol import SavedCredential
from tasks.store.registries import statistics
from tasks.store.session import in_transaction


@task(name="measure", cache_policy=NO_CACHE, persist_result=False)
async def measure_storage(
    records: Sequence[RegistryRecord], credentials: Mapping[str, SavedCredential]
) -> tuple[str, ...]:
    """Read and save the storage usage of registries.

    Args:
        records: the registries that are due.
        credentials: credentials by reference key, see `read_credentials`.

    Returns:
        Names of the registries whose usage could not be read; they keep their last values.
    """
    semaphore = asyncio.Semaphore(get_settings().registries_at_once)

    async def measure_registry(record: RegistryRecord) -> str:
        name = record.registry.name
        async with semaphore:
            try:
                await _measure_registry(record, credentials)
            except (IntegrationError, TimeoutError) as error:
                get_run_logger().warning("Cannot read the storage of %s: %s", name, error)
                return name
        return ""

    failed_names = await asyncio.gather(*(measure_registry(record) for record in records))
    return tuple(name for name in failed_names if name)


async def _measure_registry(
    record: RegistryRecord, credentials: Mapping[str, SavedCredential]
) -> None:
    registry = record.registry
    async with (
        asyncio.timeout(get_settings().operation_seconds),
        open_registry(registry, credentials=credentials) as client,
    ):
        reading = await client.read_storage()
    await in_transaction(statistics.save_storage, registry.name, reading, clock.now())
