"""Measure the storage of registries concurrently."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from models.core.errors import IntegrationError, LeaseHeld, RemoteError
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.images.sweep import SLICE_SECONDS, throttle_pause
from models.registries.observation import StorageReading
from models.registries.record import RegistryRecord
from models.registries.registry import Registry
from tasks import clock
from tasks.images.sweep import sweep_slice
from tasks.registries.connect import open_registry
from tasks.registries.protocol import RegistryReader, SavedCredential
from tasks.store.registries import images, statistics
from tasks.store.session import in_transaction


@task(name="measure", cache_policy=NO_CACHE, persist_result=False)
async def measure_storage(
    records: Sequence[RegistryRecord], credentials: Mapping[str, SavedCredential]
) -> tuple[str, ...]:
    """Read and save the storage usage of registries, or count a part of it.

    A registry that does not report its storage is counted for at most `SLICE_SECONDS`; its sweep
    goes on in the next run.

    Args:
        records: the registries that are due.
        credentials: credentials by reference key, see `read_credentials`.

    Returns:
        Names of the registries whose usage could not be read; they keep their last values.
    """
    max_concurrency = get_settings().registries_at_once
    # Slices mostly wait: they must not hold up the registries that report their storage.
    semaphores = {is_counted: asyncio.Semaphore(max_concurrency) for is_counted in (False, True)}
    deadline = time.monotonic() + SLICE_SECONDS

    async def measure_registry(record: RegistryRecord) -> str:
        name = record.registry.name
        async with semaphores[record.registry.is_storage_counted]:
            try:
                return "" if await _measure_registry(record, credentials, deadline) else name
            except LeaseHeld:  # another run counts
                return ""
            except IntegrationError as error:
                get_run_logger().warning("Cannot read the storage of %s: %s", name, error)
                return name
            except Exception:  # the boundary: one registry must not stop the others
                get_run_logger().exception("Cannot read the storage of %s", name)
                return name

    ordered = sorted(records, key=lambda record: record.storage_due_at or record.integrated_at)
    failed_names = await asyncio.gather(*(measure_registry(record) for record in ordered))
    return tuple(name for name in failed_names if name)


async def _measure_registry(
    record: RegistryRecord, credentials: Mapping[str, SavedCredential], deadline: float
) -> bool:
    registry = record.registry
    if registry.is_storage_counted and time.monotonic() >= deadline:
        return True  # the slices of other registries took the time; this one is first next time
    async with open_registry(registry, credentials=credentials) as client:
        if registry.is_storage_counted and await _count_storage(registry, client, deadline):
            return True
        reading = await try_read_storage(registry.name, client)
    if reading is not None:
        await in_transaction(statistics.save_storage, registry.name, reading, clock.now())
    return reading is not None


async def _count_storage(registry: Registry, client: RegistryReader, deadline: float) -> bool:
    """Count a part of the storage; return False if the client reads no images.

    Raises:
        RemoteError: nothing could be counted; the sweep goes on after a pause.
    """
    settings = get_settings()
    try:
        async with asyncio.timeout(settings.operation_seconds + SLICE_SECONDS):
            image_reader = await client.open_images()
            if image_reader is None:
                return False
            await sweep_slice(registry.name, image_reader, deadline - time.monotonic())
            return True
    except TimeoutError:
        message = "the registry is too slow to count its storage"
        error = RemoteError(registry.name, "GET", registry.address, message, Reason.TIMED_OUT)
    except RemoteError as exception:
        error = exception
    due_at = clock.now() + (throttle_pause(error) or settings.storage_interval)
    await in_transaction(images.postpone, registry.name, due_at, error.message)
    raise error


async def try_read_storage(name: str, reader: RegistryReader) -> StorageReading | None:
    """Read the storage usage of a registry; log an error and return None if it cannot be read."""
    try:
        async with asyncio.timeout(get_settings().operation_seconds):
            return await reader.read_storage()
    except (RemoteError, TimeoutError) as error:
        get_run_logger().warning("Cannot read the storage of %s: %s", name, error)
        return None
