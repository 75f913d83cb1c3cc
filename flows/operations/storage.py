"""Measure the storage of registries on record."""

from collections.abc import Sequence

from models.registries.record import RegistryRecord
from tasks.registries.storage import measure_storage
from tasks.secrets.credentials import read_credentials
from tasks.store.registries import registries
from tasks.store.session import in_transaction


async def measure_registries(records: Sequence[RegistryRecord]) -> tuple[str, ...]:
    """Measure registries; return the names of those whose storage could not be read."""
    if not records:
        return ()
    credentials = await read_credentials(record.registry for record in records)
    return await measure_storage(records, credentials)


async def refresh_storage(name: str) -> None:
    """Measure a registry after its address or credentials changed, if it is available.

    A registry whose storage is counted is left to compute-overview: that takes longer.
    """
    record = await in_transaction(registries.get_registry, name)
    if record.is_available and not record.registry.is_storage_counted:
        await measure_registries([record])
