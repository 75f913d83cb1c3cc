"""The first page: all registries with their health, storage and age."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from deployments.console.charts import TrendChart, trend_chart
from deployments.console.context import read
from deployments.console.rendering import render
from models.core.settings import get_settings
from models.overview.cluster_list import ClusterHealth, ClusterItem
from models.overview.lists import (
    MAX_ROWS_PER_PAGE,
    ListPage,
    ListQuery,
    RegistryQuery,
    RegistrySort,
    page_offset,
    parse_choice,
)
from models.overview.overview import Overview, RegistryStatistics
from models.overview.registry_list import select_registries
from models.registries.condition import Health
from models.registries.registry import CAPABILITIES, RegistryOrigin
from tasks import clock
from tasks.store.lists.clusters import list_cluster_items
from tasks.store.registries.statistics import list_registry_statistics, list_storage_totals

_TREND_WINDOW = timedelta(days=7)
_TREND_POINTS = 60
_MAX_PROBLEMS = 10
_MAX_STORAGE_ROWS = 8


class _OverviewData(NamedTuple):
    overview: Overview
    page: ListPage[RegistryStatistics]
    trend: TrendChart | None
    clusters: tuple[ClusterItem, ...]


async def show(request: Request) -> Response:
    """Show the overview."""
    query = parse_query(request.query_params)
    data = await read(_load, query, clock.now())
    problems = _find_problems(data.overview)
    return render(
        request,
        "overview.html",
        overview=data.overview,
        oldest_check=_oldest_check(data.overview),
        page=data.page,
        trend=data.trend,
        list_query=query,
        sort=f"{'-' if query.descending else ''}{query.sort}",
        cluster_problems=data.clusters,
        problems=problems[:_MAX_PROBLEMS],
        more_problems=max(len(problems) - _MAX_PROBLEMS, 0),
        largest=_find_largest(data.overview)[:_MAX_STORAGE_ROWS],
        healths=list(Health),
        kinds={kind: capabilities.label for kind, capabilities in CAPABILITIES.items()},
        origins=list(RegistryOrigin),
    )


def parse_query(params: QueryParams | Mapping[str, str]) -> RegistryQuery:
    """Return the list query of an address; what is not a choice is ignored."""
    sort = params.get("sort", "")
    kind = params.get("type", "")
    return RegistryQuery(
        search=params.get("q", ""),
        health=parse_choice(Health, params.get("health", "")),
        kind=kind if kind in CAPABILITIES else None,
        origin=parse_choice(RegistryOrigin, params.get("origin", "")),
        sort=parse_choice(RegistrySort, sort.removeprefix("-")) or RegistrySort.NAME,
        descending=sort.startswith("-"),
        offset=page_offset(params.get("page", "")),
    )


def _load(session: Session, query: RegistryQuery, now: datetime) -> _OverviewData:
    policy = get_settings().poll_policy
    registries = tuple(item.as_of(policy, now) for item in list_registry_statistics(session))
    step = _TREND_WINDOW / (_TREND_POINTS - 1)
    times = [now - step * number for number in reversed(range(_TREND_POINTS))]
    return _OverviewData(
        Overview(at=now, registries=registries),
        select_registries(registries, query),
        trend_chart(list_storage_totals(session, times)),
        _find_cluster_problems(session, now),
    )


def _find_cluster_problems(session: Session, now: datetime) -> tuple[ClusterItem, ...]:
    clusters = list_cluster_items(session, ListQuery(limit=MAX_ROWS_PER_PAGE)).items
    sound = (ClusterHealth.REACHABLE, ClusterHealth.UNKNOWN)
    return tuple(item for item in clusters if item.health_at(now) not in sound)[:_MAX_PROBLEMS]


def _oldest_check(overview: Overview) -> datetime | None:
    times = [item.record.poll_history.observed_at for item in overview.registries]
    return None if None in times else min((at for at in times if at is not None), default=None)


def _find_problems(overview: Overview) -> list[RegistryStatistics]:
    return [
        registry
        for health in (Health.UNHEALTHY, Health.DEGRADED, Health.UNKNOWN)
        for registry in overview.registries
        if registry.record.health_summary.health is health
    ]


def _find_largest(overview: Overview) -> list[RegistryStatistics]:
    known = [registry for registry in overview.registries if registry.storage_used]
    return sorted(known, key=lambda registry: registry.storage_used or 0, reverse=True)
