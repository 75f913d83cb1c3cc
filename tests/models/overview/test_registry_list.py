"""Which registries a list shows, in which order."""

from datetime import timedelta
from typing import Any

import pytest

from models.overview.lists import RegistryQuery, RegistrySort
from models.overview.overview import RegistryStatistics, SpaceTotals
from models.overview.registry_list import select_registries
from models.registries.condition import ConditionStatus, Health
from models.registries.registry import Kind, RegistryOrigin
from models.registries.schedule import PollHistory
from tests.support.builders import NOW, condition, registry, registry_record


def _statistics(
    name: str,
    *,
    kind: Kind = Kind.HARBOR,
    origin: RegistryOrigin = RegistryOrigin.EXTERNAL,
    status: ConditionStatus = ConditionStatus.TRUE,
    description: str = "",
    minutes: int | None = 0,
    storage: int | None = None,
    repositories: int | None = None,
    spaces: int = 0,
) -> RegistryStatistics:
    spec = registry(kind, name=name, address=f"https://{name}.example.com", origin=origin)
    checked_at = None if minutes is None else NOW - timedelta(minutes=minutes)
    record = registry_record(
        condition(status=status),
        spec=spec.model_copy(update={"description": description}),
        track=PollHistory(observed_at=checked_at),
    )
    totals = SpaceTotals(private_count=spaces, repository_count=repositories, storage_used=storage)
    return RegistryStatistics(record=record, totals=totals)


WORLD = [
    _statistics("beta", minutes=5, storage=10, repositories=0, spaces=3, description="100% Café"),
    _statistics("alpha", kind=Kind.DOCKER, minutes=None, spaces=1),
    _statistics("gamma", status=ConditionStatus.FALSE, minutes=1, storage=0, repositories=7),
    _statistics("delta", status=ConditionStatus.UNKNOWN, origin=RegistryOrigin.MANAGED, storage=99),
]


def _select(**query: Any) -> list[str]:
    page = select_registries(WORLD, RegistryQuery(**query))
    return [registry.name for registry in page.items]


@pytest.mark.parametrize(
    ("sort", "ascending", "descending"),
    [
        (RegistrySort.NAME, "alpha beta delta gamma", "gamma delta beta alpha"),
        (RegistrySort.HEALTH, "gamma delta alpha beta", "alpha beta delta gamma"),
        (RegistrySort.TYPE, "alpha beta delta gamma", "beta delta gamma alpha"),
        (RegistrySort.ORIGIN, "alpha beta gamma delta", "delta alpha beta gamma"),
        (RegistrySort.SPACES, "delta gamma alpha beta", "beta alpha delta gamma"),
        (RegistrySort.REPOSITORIES, "beta gamma alpha delta", "gamma beta alpha delta"),
        (RegistrySort.STORAGE, "gamma beta delta alpha", "delta beta gamma alpha"),
        (RegistrySort.CHECKED, "beta gamma delta alpha", "delta gamma beta alpha"),
    ],
)
def test_sort(sort: RegistrySort, ascending: str, descending: str) -> None:
    assert _select(sort=sort) == ascending.split()
    assert _select(sort=sort, descending=True) == descending.split()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"health": Health.UNHEALTHY}, "gamma"),
        ({"health": Health.UNKNOWN}, "delta"),
        ({"health": Health.DEGRADED}, ""),
        ({"kind": "docker"}, "alpha"),
        ({"kind": "nexus"}, ""),
        ({"origin": RegistryOrigin.MANAGED}, "delta"),
        ({"search": "ALPHA"}, "alpha"),
        ({"search": "gamma.example"}, "gamma"),
        ({"search": "café"}, "beta"),
        ({"search": "100%"}, "beta"),
        ({"search": "%"}, "beta"),
        ({"search": "_"}, ""),
        ({"search": "ta"}, "beta delta"),
        ({"search": "ta", "health": Health.HEALTHY}, "beta"),
    ],
)
def test_filters(query: dict[str, Any], names: str) -> None:
    assert _select(**query) == names.split()


def test_pages() -> None:
    page = select_registries(WORLD, RegistryQuery(offset=1, limit=2))
    assert [registry.name for registry in page.items] == ["beta", "delta"]
    assert (page.total, page.number, page.next_number) == (4, 1, 2)
