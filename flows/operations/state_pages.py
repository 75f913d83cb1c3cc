"""Publish the pages that show state: overview, registries, workspaces and clusters.

All facts are read in one transaction. A page is published again only if its content changed, or
after one hour.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session

from flows.operations.run_results import ClusterSyncResult, DiscoveryResult
from models.core.runs.publication import Publication
from models.core.settings import get_settings
from models.discovery.managed_harbor import ManagedHarborRecord
from models.overview.build_views import build_registry_access_views, build_workspace_views
from models.overview.overview import (
    Measurement,
    Overview,
    RegistryStatistics,
    SpaceStatistics,
    storage_trend,
)
from models.overview.views import AccessFacts
from models.tables import AuditRow
from tasks import clock
from tasks.pages.cluster import cluster_digest_source, cluster_page
from tasks.pages.discovery import discovery_digest_source, discovery_page
from tasks.pages.overview import overview_digest_source, overview_page
from tasks.pages.registry import registry_digest_source, registry_page
from tasks.pages.workspace import workspace_digest_source, workspace_page
from tasks.prefect.artifacts import Page, publish_changed
from tasks.prefect.events import SentEvents, mark_events, post_events, send_events
from tasks.store import audit, publications, views
from tasks.store.access import clusters, managed_harbors
from tasks.store.access.clusters import ClusterRecord
from tasks.store.registries import statistics
from tasks.store.session import in_transaction

PAGES_AT_ONCE = 20
"""Pages of registries in one transaction, so that none takes long."""

_TREND_WINDOW = timedelta(days=7)
_TREND_POINTS = 24
_MAX_HISTORY_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePages:
    """The pages to publish.

    Attributes:
        overview: whether to publish the overview of all registries.
        registries: names of registries; unknown names are ignored.
        workspaces: names of workspaces; None for all. Unknown names are ignored.
        cluster_results: runs on clusters, which are shown on the pages of the clusters.
        discovery_results: discovery in clusters, which is shown on the page of managed Harbors;
            None not to publish that page.
        dry_run: whether that discovery changed nothing.
    """

    overview: bool = False
    registries: Sequence[str] = ()
    workspaces: Sequence[str] | None = ()
    cluster_results: Sequence[ClusterSyncResult] = ()
    discovery_results: Sequence[DiscoveryResult] | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _RegistryDetails:
    spaces: tuple[SpaceStatistics, ...]
    history: list[AuditRow]


@dataclass(frozen=True, slots=True)
class _Facts:
    """The records that the pages show."""

    at: datetime
    publications: Mapping[str, Publication]
    statistics: tuple[RegistryStatistics, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    registry_access: AccessFacts | None = None
    registry_details: Mapping[str, _RegistryDetails] = field(default_factory=dict)
    workspace_access: AccessFacts | None = None
    clusters: Mapping[str, ClusterRecord] = field(default_factory=dict)
    harbors: tuple[ManagedHarborRecord, ...] = ()


async def publish_state_pages(pages: StatePages) -> int:
    """Publish those of the pages that changed; return their number."""
    facts = await in_transaction(_load, pages, clock.now())
    digests = await publish_changed(_build(pages, facts), facts.publications)
    if digests:
        await in_transaction(publications.save_publications, digests, clock.now())
    return len(digests)


async def publish_registry_pages(names: Sequence[str]) -> int:
    """Publish those pages of registries that changed; return their number."""
    page_count = 0
    for start in range(0, len(names), PAGES_AT_ONCE):
        page_count += await publish_state_pages(
            StatePages(registries=names[start : start + PAGES_AT_ONCE])
        )
    return page_count


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
    if pages.overview or pages.registries:
        policy = get_settings().poll_policy
        registry_statistics = tuple(
            figures.as_of(policy, now) for figures in statistics.list_registry_statistics(session)
        )
    names = {registry.name for registry in registry_statistics} & set(pages.registries)
    registry_access = workspace_access = None
    if names:
        registry_access = views.load_registry_facts(session, pages.registries, now)
    if pages.workspaces is None or pages.workspaces:
        workspace_access = views.load_workspace_facts(session, pages.workspaces, now)
    return _Facts(
        at=now,
        publications=publications.list_publications(session),
        statistics=registry_statistics,
        measurements=(
            statistics.list_measurements(session, now - _TREND_WINDOW) if pages.overview else ()
        ),
        registry_access=registry_access,
        registry_details={name: _load_details(session, name) for name in names},
        workspace_access=workspace_access,
        clusters={
            result.cluster: clusters.get_cluster(session, result.cluster)
            for result in pages.cluster_results
        },
        harbors=(
            managed_harbors.list_harbor_records(session)
            if pages.discovery_results is not None
            else ()
        ),
    )


def _load_details(session: Session, name: str) -> _RegistryDetails:
    return _RegistryDetails(
        spaces=statistics.list_space_statistics(session, name),
        history=audit.history(session, name, limit=_MAX_HISTORY_ROWS),
    )


def _build(pages: StatePages, facts: _Facts) -> Iterator[Page]:
    for result in pages.cluster_results:
        yield _cluster_page(facts.clusters[result.cluster], result)
    if facts.registry_access is not None:
        yield from _registry_pages(pages.registries, facts, facts.registry_access)
    if facts.workspace_access is not None:
        yield from _workspace_pages(facts.workspace_access)
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
    )


def _registry_pages(
    names: Sequence[str], facts: _Facts, access_facts: AccessFacts
) -> Iterator[Page]:
    access = build_registry_access_views(access_facts, names)
    for registry in facts.statistics:
        if (details := facts.registry_details.get(registry.name)) is None:
            continue
        spec, view = registry.record.registry, access[registry.name]
        yield Page(
            f"registry-{registry.name}",
            registry_page(registry, details.spaces, details.history, view),
            registry_digest_source(registry, details.spaces, view),
            f"{spec.capabilities.label} at {spec.address}",
        )


def _workspace_pages(access_facts: AccessFacts) -> Iterator[Page]:
    for view in build_workspace_views(access_facts):
        yield Page(
            f"workspace-{view.workspace.name}",
            workspace_page(view),
            workspace_digest_source(view),
            "Spaces that the workspace can pull, and its namespaces",
        )


def _cluster_page(record: ClusterRecord, result: ClusterSyncResult) -> Page:
    facts = record, result.plan, result.results, result.unsafe_reason
    return Page(
        f"cluster-{result.cluster}",
        cluster_page(*facts, dry_run=False),
        cluster_digest_source(*facts),
        "Namespaces and their pull secrets",
    )
