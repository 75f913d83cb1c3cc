"""Which workspaces can pull from a registry, on both databases, against all records at once."""

from collections import defaultdict

import pytest
from sqlmodel import Session

from models.overview.lists import BindingQuery, ListPage, ListQuery
from models.overview.views import BoundSpace, WorkspaceAccess
from models.registries.robots import RobotAccount
from tasks.store.lists.bindings import load_binding_totals
from tasks.store.lists.registry_access import get_observer, load_registry_access
from tasks.store.registries import robots
from tasks.store.session import run_in_snapshot, run_in_transaction
from tests.support.access_builders import robot_account
from tests.support.builders import NOW
from tests.support.random_access import (
    REGISTRIES,
    load_all_bound_spaces,
    registry_specs,
    save_random_access,
)
from tests.tasks.store.tools import integrate


def _fill(seed: int) -> None:
    for spec in registry_specs():
        integrate(spec)
    run_in_transaction(save_random_access, seed)


def _list(registry: str, search: str = "", **query: int) -> ListPage[WorkspaceAccess]:
    list_query = ListQuery(search=search, **query)
    return run_in_snapshot(load_registry_access, registry, list_query, NOW).workspaces


def _expected(registry: str) -> list[WorkspaceAccess]:
    by_workspace: dict[str, list[BoundSpace]] = defaultdict(list)
    for item in run_in_snapshot(load_all_bound_spaces):
        if item.binding.registry == registry and not item.binding.is_held:
            by_workspace[item.binding.workspace].append(item)
    accounts: dict[str, list[RobotAccount]] = defaultdict(list)
    for account in run_in_snapshot(robots.list_robots, registry):
        accounts[account.workspace].append(account)
    return [
        _workspace(name, by_workspace[name], accounts[name]) for name in {*by_workspace, *accounts}
    ]


def _workspace(name: str, items: list[BoundSpace], accounts: list[RobotAccount]) -> WorkspaceAccess:
    reasons = [item.pending_reason for item in items if item.pending_reason]
    return WorkspaceAccess(
        workspace=name,
        space_count=len(items),
        robots=tuple(accounts),
        pending_count=len(reasons),
        pending_reason=reasons[0] if reasons else "",
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_same_as_from_all_records(database: str, seed: int) -> None:
    _fill(seed)
    for registry in REGISTRIES:
        expected = sorted(
            _expected(registry), key=lambda item: (not item.pending_count, item.workspace)
        )
        page = _list(registry)
        assert list(page.items) == expected
        assert page.total == len(expected)
        totals = run_in_snapshot(load_binding_totals, BindingQuery(registry=registry))
        assert run_in_snapshot(load_registry_access, registry, ListQuery(), NOW).totals == totals
        two = _list(registry, limit=2, offset=1)
        assert list(two.items) == expected[1:3]
        assert two.total == len(expected)


def test_search(database: str) -> None:
    _fill(0)
    assert [item.workspace for item in _list("harbor-eu", "TEAM-B").items] == ["team-b"]
    assert _list("harbor-eu", "_").total == 0


def test_a_workspace_whose_access_is_being_revoked(database: str) -> None:
    integrate()
    run_in_transaction(_save_robots)
    (item,) = _list("prod").items
    assert (item.workspace, item.space_count, len(item.robots)) == ("team-a", 0, 1)
    observer = run_in_snapshot(get_observer, "prod")
    assert observer is not None
    assert (observer.robot_id, observer.workspace) == (9, "")
    assert run_in_snapshot(get_observer, "other") is None


def _save_robots(session: Session) -> None:
    robots.save_robot(session, robot_account(1, "team"), "sealed")
    robots.save_robot(session, robot_account(9, workspace="", login="observer"), "sealed")
