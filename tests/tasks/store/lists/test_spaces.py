"""The list of spaces, on both databases, against the same decisions in Python."""

import random
from collections.abc import Iterable
from typing import Any

import pytest
from sqlmodel import Session

from flows.operations import bindings as binding_operations
from flows.operations import memberships
from models.access.binding import Workspace
from models.core.availability import Complete
from models.overview.items import SpaceItem, space_state
from models.overview.lists import ListPage, SpaceQuery, SpaceSort, SpaceState
from models.registries.observation import Coverage, SpaceStorage, StorageReading
from models.registries.space import Space, Visibility
from tasks.store.lists.spaces import list_spaces
from tasks.store.registries import spaces, statistics
from tasks.store.session import run_in_snapshot, run_in_transaction
from tests.support.access_builders import binding
from tests.support.builders import NOW, PRIVATE, PUBLIC, registry, run_context, space
from tests.tasks.store.tools import integrate

RUN = run_context("run-1")
SPECIAL = ["100%", "a_b", "axb", "back\\slash", "UPPER", "<script>", "\N{RIGHT-TO-LEFT OVERRIDE}x"]


def _random_spaces(seed: int) -> list[Space]:
    chance = random.Random(seed)
    return [
        space(
            name,
            desired=chance.choice([None, PUBLIC, PRIVATE]),
            observed=chance.choice([None, PUBLIC, PRIVATE]),
            declared=chance.random() < 0.2,
            repositories=chance.choice([None, 0, 1, 2, 30]),
            missing_since=NOW if chance.random() < 0.2 else None,
        )
        for name in [*(f"team-{number:02d}" for number in range(40)), *SPECIAL]
    ]


def _fill(session: Session, records: Iterable[Space]) -> None:
    names = [record.name for record in records]
    spaces.save_spaces(session, "prod", records)
    spaces.save_spaces(session, "other", [space("team-00"), space("elsewhere")])
    for workspace in ("team-a", "blue"):
        memberships.add_or_update_workspace(session, Workspace(name=workspace), (), RUN)
    binding_operations.bind(
        session,
        [
            *(binding(name) for name in names[:10]),
            *(binding(name, "blue") for name in names[5:15]),
            binding("team-20", registry="other"),
        ],
        RUN,
    )
    reading = StorageReading(
        total=1_000,
        spaces=Complete[SpaceStorage](
            items=tuple(
                SpaceStorage(
                    name=name,
                    used=number * 7 % 5 * 100,
                    limit=-1,
                    coverage=Coverage(counted=1, total=2),
                )
                for number, name in enumerate(names[:30])
            )
        ),
    )
    statistics.save_storage(session, "prod", reading, NOW)


@pytest.fixture
def records(database: str) -> list[Space]:
    integrate()
    integrate(registry(name="other", address="http://other.test"))
    records = _random_spaces(7)
    run_in_transaction(_fill, records)
    return records


def _list(**query: Any) -> ListPage[SpaceItem]:
    return run_in_snapshot(list_spaces, "prod", SpaceQuery(limit=200, **query))


def _names(page: ListPage[SpaceItem]) -> list[str]:
    return [item.statistics.space.name for item in page.items]


def test_filters_are_those_of_one_space(records: list[Space]) -> None:
    names, bound = {record.name for record in records}, {record.name for record in records[:15]}
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({}, names),
        ({"is_bound": True}, bound),
        ({"is_bound": False}, names - bound),
    ]
    for state in SpaceState:
        of_state = {record.name for record in records if space_state(record) is state}
        cases.append(({"state": state}, of_state))
    for visibility in Visibility:
        visible = {record.name for record in records if record.visibility is visibility}
        cases.append(({"visibility": visibility}, visible))
    for query, expected in cases:
        page = _list(**query)
        assert set(_names(page)) == expected, query
        assert page.total == len(expected) > 0
    for item in _list().items:
        assert item.statistics.space in records


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("team-3", {f"team-3{digit}" for digit in range(10)}),
        ("%", {"100%"}),
        ("_", {"a_b"}),
        ("\\", {"back\\slash"}),
        ("upper", {"UPPER"}),
        ("<SCRIPT", {"<script>"}),
        ("\N{RIGHT-TO-LEFT OVERRIDE}", {"\N{RIGHT-TO-LEFT OVERRIDE}x"}),
        ("'; DROP TABLE space; --", set()),
        ("\x00elsewhere", set()),
        ("elsewhere", set()),
    ],
)
def test_search(records: list[Space], search: str, names: set[str]) -> None:
    page = _list(search=search)
    assert set(_names(page)) == names
    assert page.total == len(names)


@pytest.mark.parametrize("sort", [SpaceSort.STORAGE, SpaceSort.REPOSITORIES, SpaceSort.BINDINGS])
@pytest.mark.parametrize("descending", [False, True])
def test_sorted_with_unknown_values_last(
    records: list[Space], sort: SpaceSort, descending: bool
) -> None:
    def value(item: SpaceItem) -> int | None:
        return {
            SpaceSort.STORAGE: item.statistics.storage_used,
            SpaceSort.REPOSITORIES: item.statistics.space.repositories,
            SpaceSort.BINDINGS: item.binding_count,
        }[sort]

    values = [value(item) for item in _list(sort=sort, descending=descending).items]
    known = [number for number in values if number is not None]
    assert len(set(known)) > 2
    assert known == sorted(known, reverse=descending)
    assert values == [*known, *[None] * (len(values) - len(known))]


def test_pages_show_each_space_once(records: list[Space]) -> None:
    for sort in SpaceSort:
        names: list[str] = []
        for offset in range(0, 60, 10):
            query = SpaceQuery(sort=sort, descending=True, offset=offset, limit=10)
            page = run_in_snapshot(list_spaces, "prod", query)
            assert page.total == len(records)
            names += _names(page)
        assert sorted(names) == sorted(record.name for record in records)


def test_figures_of_a_space(records: list[Space]) -> None:
    (item,) = _list(search="team-06").items
    assert item.binding_count == 2
    assert item.statistics.storage_used == 6 * 7 % 5 * 100
    assert item.statistics.storage_limit == -1
    assert item.statistics.storage_coverage == Coverage(counted=1, total=2)


def test_a_registry_without_spaces(database: str) -> None:
    integrate()
    page = run_in_snapshot(list_spaces, "prod", SpaceQuery(offset=50))
    assert (page.items, page.total) == ((), 0)
