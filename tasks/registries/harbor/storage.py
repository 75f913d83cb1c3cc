"""What Harbor's projects store and may store.

Vendor: https://goharbor.io/docs/2.13.0/administration/configure-project-quotas/
"""

from models.core.availability import Seen, Unseen
from models.core.reasons import Reason
from models.registries.observation import SpaceStorage, StorageReading
from tasks.concurrency import side_by_side
from tasks.registries.harbor import wire
from tasks.registries.harbor.auth import API
from tasks.registries.http import HttpClient
from tasks.registries.paging import read_pages
from tasks.registries.wire import expect, parse


async def read_storage(http: HttpClient) -> StorageReading:
    """Read what each project uses and may use.

    `/quotas` waits 17 ms a row; it is kept only while quotas are switched on.

    Raises:
        RegistryError: it could not be read.
    """
    total, kept = await side_by_side(_total_storage(http), _quotas_kept(http))
    if not kept:
        said = "quotas are switched off in Harbor, so it does not keep figures per project"
        unknown = Unseen(reason=Reason.NOT_PROBED, message=said)
        return StorageReading(total=total, spaces=unknown)
    read = await read_pages(
        http,
        f"{API}/quotas",
        wire.QUOTAS,
        key=lambda quota: quota.id,
        keep=lambda quota: quota.storage(),
        query={"reference": "project", "sort": "creation_time"},
    )
    if isinstance(read, Unseen):
        return StorageReading(total=total, spaces=read)
    known = tuple(space for space in read.items if space)
    return StorageReading(total=total, spaces=Seen[SpaceStorage](items=known))


async def _total_storage(http: HttpClient) -> int | None:
    answer = await http.get(f"{API}/statistics")
    found = parse(http.name, expect(http.name, answer), wire.STATISTICS)
    return found.total_storage_consumption if found.total_project_count else None


async def _quotas_kept(http: HttpClient) -> bool:
    """Whether quotas are on; a robot may not know and is believed to see what there is."""
    answer = await http.get(f"{API}/configurations")
    if answer.status in (401, 403):
        return True
    found = parse(http.name, expect(http.name, answer), wire.CONFIGURATIONS)
    return found.quota_per_project_enable.value
