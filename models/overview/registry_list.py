"""Select the registries of a list page. Health follows from conditions, so it is decided here."""

from collections.abc import Callable, Iterable, Mapping

from models.overview.lists import ListPage, RegistryQuery, RegistrySort
from models.overview.overview import RegistryStatistics
from models.registries.condition import Health

_SortValue = tuple[float, str] | None
"""A number and a text; None is unknown, which is last in both directions."""

_HEALTH_ORDER = (Health.UNHEALTHY, Health.UNKNOWN, Health.DEGRADED, Health.HEALTHY)


def select_registries(
    registries: Iterable[RegistryStatistics], query: RegistryQuery
) -> ListPage[RegistryStatistics]:
    """Return the page of registries that a query asks for.

    Args:
        registries: all registries, with the health that can be relied on now.
        query: search, filters, sort key and page.
    """
    matches = sorted(
        (registry for registry in registries if _matches(registry, query)),
        key=lambda registry: registry.name,
    )
    rows = _sort(matches, _SORT_VALUES[query.sort], descending=query.descending)
    return ListPage[RegistryStatistics](
        items=tuple(rows[query.offset : query.offset + query.limit]),
        total=len(rows),
        offset=query.offset,
        limit=query.limit,
    )


def _matches(registry: RegistryStatistics, query: RegistryQuery) -> bool:
    spec = registry.record.registry
    text = "\n".join((spec.name, spec.address, *spec.pull_addresses, spec.description)).casefold()
    return (
        query.search.casefold() in text
        and query.health in (None, registry.record.health_summary.health)
        and query.kind in (None, spec.kind)
        and query.origin in (None, spec.origin)
    )


def _sort(
    registries: Iterable[RegistryStatistics],
    value: Callable[[RegistryStatistics], _SortValue],
    *,
    descending: bool,
) -> list[RegistryStatistics]:
    known: list[tuple[tuple[float, str], RegistryStatistics]] = []
    unknown: list[RegistryStatistics] = []
    for registry in registries:
        key = value(registry)
        if key is None:
            unknown.append(registry)
        else:
            known.append((key, registry))
    known.sort(key=lambda pair: pair[0], reverse=descending)
    return [*(registry for _, registry in known), *unknown]


def _number(value: float | None) -> _SortValue:
    return None if value is None else (value, "")


def _checked(registry: RegistryStatistics) -> _SortValue:
    time = registry.record.poll_history.observed_at
    return _number(time.timestamp() if time else None)


_SORT_VALUES: Mapping[RegistrySort, Callable[[RegistryStatistics], _SortValue]] = {
    RegistrySort.NAME: lambda registry: (0, registry.name),
    RegistrySort.HEALTH: lambda registry: _number(
        _HEALTH_ORDER.index(registry.record.health_summary.health)
    ),
    RegistrySort.TYPE: lambda registry: (0, registry.record.registry.kind),
    RegistrySort.ORIGIN: lambda registry: (0, registry.record.registry.origin),
    RegistrySort.SPACES: lambda registry: _number(registry.totals.space_count),
    RegistrySort.REPOSITORIES: lambda registry: _number(registry.totals.repository_count),
    RegistrySort.STORAGE: lambda registry: _number(registry.storage_used),
    RegistrySort.CHECKED: _checked,
}
