"""Storage usage and quotas of Harbor projects.

Vendor: https://goharbor.io/docs/2.13.0/administration/configure-project-quotas/
"""

from models.core.availability import Complete, Unavailable
from models.core.reasons import Reason
from models.registries.observation import SpaceStorage, StorageReading
from tasks.concurrency import gather_all
from tasks.http.client import HttpClient
from tasks.registries.harbor import wire
from tasks.registries.harbor.auth import API_PATH
from tasks.registries.paging import read_pages
from tasks.registries.wire import parse_json, raise_for_status


async def read_storage(http: HttpClient) -> StorageReading:
    """Read the total storage usage, and usage and quota of each project, in bytes.

    Raises:
        RemoteError: the usage could not be read.
    """
    # `/quotas` takes about 17 ms per item, and is updated only while quotas are enabled.
    total, quotas_enabled = await gather_all(_read_total_storage(http), _are_quotas_enabled(http))
    if not quotas_enabled:
        message = "quotas are disabled in Harbor, so it does not track the usage per project"
        unavailable = Unavailable(reason=Reason.NOT_PROBED, message=message)
        return StorageReading(total=total, spaces=unavailable)
    quotas = await read_pages(
        http,
        f"{API_PATH}/quotas",
        wire.QUOTAS_ADAPTER,
        key=lambda quota: quota.id,
        convert=lambda quota: quota.to_space_storage(),
        query={"reference": "project", "sort": "creation_time"},
    )
    if isinstance(quotas, Unavailable):
        return StorageReading(total=total, spaces=quotas)
    space_storages = tuple(space for space in quotas.items if space)
    return StorageReading(total=total, spaces=Complete[SpaceStorage](items=space_storages))


async def _read_total_storage(http: HttpClient) -> int | None:
    response = await http.get(f"{API_PATH}/statistics")
    statistics = parse_json(raise_for_status(response), wire.STATISTICS_ADAPTER)
    return statistics.total_storage_consumption if statistics.total_project_count else None


async def _are_quotas_enabled(http: HttpClient) -> bool:
    # A robot account may not read the configuration: assume that quotas are enabled.
    response = await http.get(f"{API_PATH}/configurations")
    if response.status in (401, 403):
        return True
    configuration = parse_json(raise_for_status(response), wire.CONFIGURATIONS_ADAPTER)
    return configuration.quota_per_project_enable.value
