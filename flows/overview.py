"""Compute the overview: measure what is due, sum up, publish."""

from datetime import timedelta

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from sqlmodel import Session

from flows.runs import ends_plainly
from models.core.plural import amount
from models.core.settings import settings
from models.overview.build_views import registry_accesses
from models.overview.overview import Overview, RegistryFigures, SpaceFigures, trend
from models.registries.record import Dossier
from models.tables import AuditRow
from tasks import clock
from tasks.pages.overview import overview_news, overview_page
from tasks.pages.registry import registry_news, registry_page
from tasks.prefect.artifacts import publish_if_news
from tasks.registries.storage import measure
from tasks.secrets.credentials import credentials_of
from tasks.store import audit, views
from tasks.store.registries import registries, statistics
from tasks.store.retention import prune_history
from tasks.store.session import stored

_WINDOW = timedelta(days=7)
_POINTS = 24
_HISTORY = 20


@flow(name="compute-overview", persist_result=False)
@ends_plainly
async def compute_overview() -> State[None]:
    """Read storage figures that are due, and publish the overview and a page for each registry.

    A page is written anew only when something in it changed, or after an hour. Audit entries that
    are too old to be kept are deleted.
    """
    known = await stored(registries.dossiers)
    every, now = settings().storage_interval, clock.now()
    due = [dossier for dossier in known if dossier.storage_due(every, now)]
    silent = await _measure(due)
    written = await publish_overview()
    written += await publish_registries([dossier.registry.name for dossier in known])
    told = f"; storage not told by {', '.join(silent)}" if silent else ""
    if pruned := await prune_history(now):
        told += f"; {amount(pruned, 'old audit entry')} deleted"
    return Completed(
        message=f"{amount(len(known), 'registry')}, {len(due)} measured, "
        f"{amount(written, 'page')} written{told}"
    )


async def refresh_overview(name: str | None = None) -> None:
    """Bring the overview up to date after a change, with fresh figures of one registry."""
    if name is not None:
        dossier = await stored(registries.dossier, name)
        if dossier.answers:
            await _measure([dossier])
        await publish_registries([name])
    await publish_overview()


async def _measure(due: list[Dossier]) -> tuple[str, ...]:
    if not due:
        return ()
    return await measure(due, await credentials_of(dossier.registry for dossier in due))


async def publish_overview() -> int:
    """Publish the artifact `overview` if there is news; return how many pages were written."""
    now = clock.now()
    found = Overview(at=now, registries=await stored(statistics.figures))
    told = await stored(statistics.measurements, now - _WINDOW)
    page = overview_page(found, trend(told, now, window=_WINDOW, points=_POINTS))
    news = overview_news(found)
    return await publish_if_news("overview", page, news, "All registries in numbers")


async def publish_registries(names: list[str]) -> int:
    """Publish `registry-<name>` for each name with news; return how many pages were written."""
    written = 0
    by_name = {one.name: one for one in await stored(statistics.figures)}
    facts = await stored(views.facts_of_registries, names, clock.now())
    access = registry_accesses(facts, names)
    for name in names:
        one: RegistryFigures | None = by_name.get(name)
        if one is None:  # removed meanwhile
            continue
        spaces, history = await stored(_details, name)
        page = registry_page(one, spaces, history, access[name])
        news = registry_news(one, spaces, access[name])
        title = f"{one.dossier.registry.kind.label} at {one.dossier.registry.address}"
        written += await publish_if_news(f"registry-{name}", page, news, title)
    return written


def _details(session: Session, name: str) -> tuple[tuple[SpaceFigures, ...], list[AuditRow]]:
    return statistics.space_figures(session, name), audit.history(session, name, most=_HISTORY)
