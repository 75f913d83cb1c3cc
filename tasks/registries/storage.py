"""Measure the storage of registries concurrently."""

import asyncio
from collections.abc import Mapping, Sequence

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from models.core.errors import IntegrationError, RemoteError
from models.core.settings import get_settings
from models.registries.observation import StorageReading
from models.registries.record import RegistryRecord
from tasks import clock
from tasks.registries.connect import open_registry
from tasks.registries.protocol import RegistryReader, SavedCredential
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
                return "" if await _measure_registry(record, credentials) else name
            except IntegrationError as error:
                get_run_logger().warning("Cannot read the storage of %s: %s", name, error)
                return name

    failed_names = await asyncio.gather(*(measure_registry(record) for record in records))
    return tuple(name for name in failed_names if name)


async def _measure_registry(
    record: RegistryRecord, credentials: Mapping[str, SavedCredential]
) -> bool:
    registry = record.registry
    async with open_registry(registry, credentials=credentials) as client:
        reading = await try_read_storage(registry.name, client)
    if reading is not None:
        await in_transaction(statistics.save_storage, registry.name, reading, clock.now())
    return reading is not None


async def try_read_storage(name: str, reader: RegistryReader) -> StorageReading | None:
    """Read the storage usage of a registry; log an error and return None if it cannot be read."""
    try:
        async with asyncio.timeout(get_settings().operation_seconds):
            return await reader.read_storage()
    except (RemoteError, TimeoutError) as error:
        get_run_logger().warning("Cannot read the storage of %s: %s", name, error)
        return None
