"""Publish pages that changed: the overview, managed Harbors, results; and send events after a run.

The console shows all other state live. A page is published again only if its content changed, or
after one hour.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from flows.operations.run_results import DiscoveryResult
from models.core.runs.publication import Publication
from models.core.settings import get_settings
from models.discovery.managed_harbor import ManagedHarborRecord
from models.overview.overview import Measurement, Overview, RegistryStatistics, storage_trend
from models.tables import AuditRow
from tasks import clock
from tasks.pages.discovery import discovery_digest_source, discovery_page
from tasks.pages.overview import overview_digest_source, overview_page
from tasks.prefect.artifacts import Page, console_path, publish_changed
from tasks.prefect.events import SentEvents, mark_events, post_events, send_events
from tasks.store import audit, publications
from tasks.store.access import managed_harbors
from tasks.store.registries import statistics
from tasks.store.session import in_transaction

_TREND_WINDOW = timedelta(days=7)
_TREND_POINTS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePages:
    """The pages to publish.

    Attributes:
        overview: whether to publish the overview of all registries.
        discovery_results: discovery in clusters, which is shown on the page of managed Harbors;
            None not to publish that page.
        dry_run: whether that discovery changed nothing.
    """

    overview: bool = False
    discovery_results: Sequence[DiscoveryResult] | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _Facts:
    """The records that the pages show."""

    at: datetime
    publications: Mapping[str, Publication]
    statistics: tuple[RegistryStatistics, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    harbors: tuple[ManagedHarborRecord, ...] = ()


async def publish_news(page: Page) -> None:
    """Publish a page of results if it changed; a run every minute repeats it once an hour."""
    last = await in_transaction(publications.list_publications)
    if digests := await publish_changed([page], last):
        await in_transaction(publications.save_publications, digests, clock.now())


async def publish_overview() -> int:
    """Publish the overview if it changed; return the number of published pages."""
    pages = StatePages(overview=True)
    facts = await in_transaction(_load, pages, clock.now())
    digests = await publish_changed(_build(pages, facts), facts.publications)
    if digests:
        await in_transaction(publications.save_publications, digests, clock.now())
    return len(digests)


async def publish_and_send(pages: StatePages) -> None:
    """Publish those of the pages that changed, and send pending events, at the end of a run."""
    facts, rows = await in_transaction(_load_with_events, pages, clock.now())
    digests = await publish_changed(_build(pages, facts), facts.publications)
    sent = await post_events(rows)
    if digests or sent != SentEvents():
        rows = await in_transaction(_save_end, digests, sent, clock.now())
    if rows and sent != SentEvents():
        await send_events()  # more than one batch


def _load_with_events(
    session: Session, pages: StatePages, now: datetime
) -> tuple[_Facts, list[AuditRow]]:
    return _load(session, pages, now), audit.pending_events(session)


def _save_end(
    session: Session, digests: Mapping[str, str], sent: SentEvents, now: datetime
) -> list[AuditRow]:
    publications.save_publications(session, digests, now)
    return mark_events(session, sent, now)


def _load(session: Session, pages: StatePages, now: datetime) -> _Facts:
    registry_statistics: tuple[RegistryStatistics, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    if pages.overview:
        policy = get_settings().poll_policy
        registry_statistics = tuple(
            figures.as_of(policy, now) for figures in statistics.list_registry_statistics(session)
        )
        measurements = statistics.list_measurements(session, now - _TREND_WINDOW)
    return _Facts(
        at=now,
        publications=publications.list_publications(session),
        statistics=registry_statistics,
        measurements=measurements,
        harbors=(
            managed_harbors.list_harbor_records(session)
            if pages.discovery_results is not None
            else ()
        ),
    )


def _build(pages: StatePages, facts: _Facts) -> Iterator[Page]:
    if pages.overview:
        yield _overview_page(facts)
    if pages.discovery_results is not None:
        yield _discovery_page(pages.discovery_results, facts.harbors, dry_run=pages.dry_run)


def _overview_page(facts: _Facts) -> Page:
    overview = Overview(at=facts.at, registries=facts.statistics)
    trend = storage_trend(facts.measurements, facts.at, window=_TREND_WINDOW, points=_TREND_POINTS)
    description = "All registries: health, contents and storage"
    return Page(
        "overview", overview_page(overview, trend), overview_digest_source(overview), description
    )


def _discovery_page(
    results: Sequence[DiscoveryResult], harbors: Sequence[ManagedHarborRecord], *, dry_run: bool
) -> Page:
    return Page(
        "discovery",
        discovery_page(results, harbors, dry_run=dry_run),
        discovery_digest_source(results, harbors),
        "Managed Harbors in the clusters",
        console_path("clusters"),
    )
