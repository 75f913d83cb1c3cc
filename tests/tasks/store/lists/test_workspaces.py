"""The list of workspaces, and what one of them can pull from."""

from collections import Counter
from typing import Any

import pytest
from sqlmodel import Session

from flows.operations import memberships
from models.access.binding import Workspace
from models.overview.items import WorkspaceItem
from models.overview.lists import ListPage, ListQuery, WorkspaceQuery, WorkspaceSort
from tasks.store.access import clusters
from tasks.store.lists.workspaces import list_bound_registries, list_names, list_workspaces
from tasks.store.session import run_in_snapshot, run_in_transaction
from tests.support.builders import run_context
from tests.support.random_access import (
    REGISTRIES,
    WORKSPACES,
    load_all_bound_spaces,
    registry_specs,
    save_random_access,
)
from tests.tasks.store.tools import integrate


@pytest.fixture
def filled_database(database: str) -> str:
    for spec in registry_specs():
        integrate(spec)
    run_in_transaction(save_random_access, 3)
    run_in_transaction(_save_idle_workspace)
    return database


def _save_idle_workspace(session: Session) -> None:
    idle = Workspace(name="idle", description="50% Café_X", clusters=("eu",))
    memberships.add_or_update_workspace(session, idle, (), run_context("run-1"))


def _list(**query: Any) -> ListPage[WorkspaceItem]:
    return run_in_snapshot(list_workspaces, WorkspaceQuery(**query))


def _names(page: ListPage[WorkspaceItem]) -> list[str]:
    return [item.workspace.name for item in page.items]


def test_figures_are_those_of_all_records(filled_database: str) -> None:
    bound = run_in_snapshot(load_all_bound_spaces)
    members = run_in_snapshot(clusters.list_namespaces)
    items = {item.workspace.name: item for item in _list().items}
    assert list(items) == ["idle", *WORKSPACES]
    for name, item in items.items():
        bindings = [entry for entry in bound if entry.binding.workspace == name]
        paths = [entry for entry in members if entry.workspace == name]
        assert item.space_count == len(bindings)
        assert item.registry_count == len({entry.binding.registry for entry in bindings})
        assert item.pending_count == sum(bool(entry.pending_reason) for entry in bindings)
        assert item.namespace_count == len(paths)
        assert item.cluster_count == len({entry.cluster for entry in paths})
    assert items["idle"].workspace.clusters == ("eu",)


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("team-", WORKSPACES),
        ("IDLE", ["idle"]),
        ("50%", ["idle"]),
        ("Café_", ["idle"]),
        ("%", ["idle"]),
        ("t_a", []),
    ],
)
def test_search(filled_database: str, search: str, names: list[str]) -> None:
    page = _list(search=search)
    assert (_names(page), page.total) == (names, len(names))


@pytest.mark.parametrize("sort", [WorkspaceSort.NAMESPACES, WorkspaceSort.SPACES])
def test_sort(filled_database: str, sort: WorkspaceSort) -> None:
    field = {WorkspaceSort.NAMESPACES: "namespace_count", WorkspaceSort.SPACES: "space_count"}
    for descending in (False, True):
        counts = [
            getattr(item, field[sort]) for item in _list(sort=sort, descending=descending).items
        ]
        assert counts == sorted(counts, reverse=descending)
        assert len(set(counts)) > 2


def test_pages(filled_database: str) -> None:
    page = _list(limit=2, offset=2)
    assert (_names(page), page.total) == (["team-b", "team-c"], 6)
    assert _list(limit=2, offset=20).total == 6


def test_names_for_a_picker(filled_database: str) -> None:
    assert run_in_snapshot(list_names, ListQuery(search="team")) == tuple(WORKSPACES)
    assert run_in_snapshot(list_names, ListQuery(limit=1, offset=1)) == ("team-a",)


def test_registries_of_a_workspace(filled_database: str) -> None:
    bound = run_in_snapshot(load_all_bound_spaces)
    counts = Counter(item.binding.registry for item in bound if item.binding.workspace == "team-a")
    items = run_in_snapshot(list_bound_registries, "team-a")
    assert {item.registry.name: item.space_count for item in items} == dict(counts)
    assert len(items) == len(REGISTRIES)
    assert all(
        account.workspace == "team-a" and account.registry == item.registry.name
        for item in items
        for account in item.robots
    )
    assert run_in_snapshot(list_bound_registries, "idle") == ()
