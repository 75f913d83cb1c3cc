"""Pages of bindings, on both databases, against what all records decide at once."""

from statistics import median
from typing import Any

import pytest

from models.overview.lists import BindingQuery, ListPage
from models.overview.views import BoundSpace
from tasks.store.lists.bindings import list_bindings, load_binding_totals
from tasks.store.session import run_in_snapshot, run_in_transaction
from tests.support.builders import NOW
from tests.support.random_access import (
    REGISTRIES,
    WORKSPACES,
    load_all_bound_spaces,
    registry_specs,
    save_random_access,
)
from tests.tasks.store.tools import integrate

SEEDS = range(4)


def _fill(seed: int) -> tuple[BoundSpace, ...]:
    for spec in registry_specs():
        integrate(spec)
    run_in_transaction(save_random_access, seed)
    return run_in_snapshot(load_all_bound_spaces)


def _list(limit: int = 200, **query: Any) -> ListPage[BoundSpace]:
    return run_in_snapshot(list_bindings, BindingQuery(limit=limit, **query), NOW)


def _key(item: BoundSpace) -> tuple[bool, str, str, str]:
    binding = item.binding
    return not item.pending_reason, binding.registry, binding.space, binding.workspace


_SCOPES: list[dict[str, Any]] = [
    {},
    *({"workspace": name} for name in WORKSPACES),
    *({"registry": name} for name in REGISTRIES),
    {"registry": "harbor-eu", "space": "space-3"},
    {"registry": "docker-shared", "workspace": "team-b"},
    {"workspace": "nobody"},
]


def _matches(item: BoundSpace, scope: dict[str, Any]) -> bool:
    return all(getattr(item.binding, name) == value for name, value in scope.items())


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_reasons_as_from_all_records(database: str, seed: int) -> None:
    everything = _fill(seed)
    assert {bool(item.pending_reason) for item in everything} == {True, False}
    for scope in _SCOPES:
        expected = sorted((item for item in everything if _matches(item, scope)), key=_key)
        page = _list(**scope)
        assert list(page.items) == expected, scope
        assert page.total == len(expected)
        for is_pending in (True, False):
            selected = [item for item in expected if bool(item.pending_reason) is is_pending]
            assert list(_list(**scope, is_pending=is_pending).items) == selected
        held = [item for item in expected if item.binding.is_held]
        assert list(_list(**scope, is_held=True).items) == held


@pytest.mark.parametrize("seed", SEEDS)
def test_totals(database: str, seed: int) -> None:
    everything = _fill(seed)
    for scope in _SCOPES:
        items = [item for item in everything if _matches(item, scope)]
        used = [item for item in items if not item.binding.is_held]
        totals = run_in_snapshot(load_binding_totals, BindingQuery.model_validate(scope))
        assert totals.binding_count == len(used)
        assert totals.held_count == len(items) - len(used)
        assert totals.pending_count == sum(bool(item.pending_reason) for item in used)
        seconds = [item.rollout_seconds for item in used if item.rollout_seconds is not None]
        assert totals.effective_count == len(seconds)
        assert totals.max_seconds == pytest.approx(max(seconds, default=None), abs=0.001)
        expected_median = median(seconds) if seconds else None
        assert totals.median_seconds == pytest.approx(expected_median, abs=0.001)


def test_search_covers_what_is_not_selected(database: str) -> None:
    everything = _fill(1)
    page = _list(workspace="team-a", search="HARBOR")
    expected = {
        item.binding.registry
        for item in everything
        if item.binding.workspace == "team-a" and "harbor" in item.binding.registry
    }
    assert {item.binding.registry for item in page.items} == expected
    assert _list(workspace="team-a", search="team-a").total == 0
    assert _list(registry="harbor-eu", search="team-a").total > 0
    assert _list(search="%").total == 0


def test_pages(database: str) -> None:
    everything = _fill(2)
    rows: list[BoundSpace] = []
    for offset in range(0, len(everything), 7):
        page = _list(limit=7, offset=offset)
        assert page.total == len(everything)
        rows += page.items
    assert rows == sorted(everything, key=_key)


def test_nothing_is_bound(database: str) -> None:
    assert _list(workspace="team-a") == ListPage[BoundSpace](limit=200)
    totals = run_in_snapshot(load_binding_totals, BindingQuery(registry="prod"))
    assert (totals.binding_count, totals.median_seconds, totals.max_seconds) == (0, None, None)
