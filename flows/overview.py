"""Compute the overview: measure storage where due, aggregate, publish."""

from datetime import timedelta

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from sqlmodel import Session

from flows.runs import report_errors
from models.core.plural import pluralize
from models.core.settings import get_settings
from models.overview.build_views import build_registry_access_views
from models.overview.overview import Overview, RegistryStatistics, SpaceStatistics, storage_trend
from models.registries.record import RegistryRecord
from models.tables import AuditRow
from tasks import clock
from tasks.pages.overview import overview_digest_source, overview_page
from tasks.pages.registry import registry_digest_source, registry_page
from tasks.prefect.artifacts import publish_if_changed
from tasks.registries.storage import measure_storage
from tasks.secrets.credentials import read_credentials
from tasks.store import audit, views
from tasks.store.registries import registries, statistics
from tasks.store.retention import prune_history
from tasks.store.session import in_transaction

_TREND_WINDOW = timedelta(days=7)
_TREND_POINTS = 24
_MAX_HISTORY_ROWS = 20


@flow(name="compute-overview", persist_result=False)
@report_errors
async def compute_overview() -> State[None]:
    """Measure storage where due, and publish the overview and a page for each registry.

    A page is published again only if its content changed, or after one hour. Audit entries older
    than the retention period are deleted.
    """
    records = await in_transaction(registries.list_registries)
    interval, now = get_settings().storage_interval, clock.now()
    due_records = [record for record in records if record.is_storage_due(interval, now)]
    unreachable = await _measure_due(due_records)
    page_count = await publish_overview()
    page_count += await publish_registry_pages([record.registry.name for record in records])
    notes = f"; storage unavailable: {', '.join(unreachable)}" if unreachable else ""
    if pruned := await prune_history(now):
        notes += f"; {pluralize(pruned, 'old audit entry')} deleted"
    return Completed(
        message=f"{pluralize(len(records), 'registry')}, {len(due_records)} measured, "
        f"{pluralize(page_count, 'page')} published{notes}"
    )


async def refresh_overview(name: str | None = None) -> None:
    """Publish the overview after a change, with a new storage measurement of the given registry."""
    if name is not None:
        record = await in_transaction(registries.get_registry, name)
        if record.is_available:
            await _measure_due([record])
        await publish_registry_pages([name])
    await publish_overview()


async def _measure_due(records: list[RegistryRecord]) -> tuple[str, ...]:
    if not records:
        return ()
    return await measure_storage(
        records, await read_credentials(record.registry for record in records)
    )


async def publish_overview() -> int:
    """Publish the artifact `overview` if it changed; return the number of published pages."""
    now = clock.now()
    overview = Overview(
        at=now, registries=await in_transaction(statistics.list_registry_statistics)
    )
    measurements = await in_transaction(statistics.list_measurements, now - _TREND_WINDOW)
    page = overview_page(
        overview, storage_trend(measurements, now, window=_TREND_WINDOW, points=_TREND_POINTS)
    )
    digest_source = overview_digest_source(overview)
    return await publish_if_changed(
        "overview", page, digest_source, "All registries: health, contents and storage"
    )


async def publish_registry_pages(names: list[str]) -> int:
    """Publish `registry-<name>` for each registry that changed; return the number of pages."""
    page_count = 0
    statistics_by_name = {
        registry_figures.name: registry_figures
        for registry_figures in await in_transaction(statistics.list_registry_statistics)
    }
    facts = await in_transaction(views.load_registry_facts, names, clock.now())
    access = build_registry_access_views(facts, names)
    for name in names:
        registry_statistics: RegistryStatistics | None = statistics_by_name.get(name)
        if registry_statistics is None:  # removed meanwhile
            continue
        spaces, history = await in_transaction(_page_details, name)
        page = registry_page(registry_statistics, spaces, history, access[name])
        digest_source = registry_digest_source(registry_statistics, spaces, access[name])
        registry = registry_statistics.record.registry
        title = f"{registry.capabilities.label} at {registry.address}"
        page_count += await publish_if_changed(f"registry-{name}", page, digest_source, title)
    return page_count


def _page_details(
    session: Session, name: str
) -> tuple[tuple[SpaceStatistics, ...], list[AuditRow]]:
    return statistics.list_space_statistics(session, name), audit.history(
        session, name, limit=_MAX_HISTORY_ROWS
    )
