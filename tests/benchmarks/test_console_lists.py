"""The lists of the console in a large world; the figures are printed, not asserted."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from models.core.settings import get_settings
from models.overview.audit_list import AuditQuery
from models.overview.lists import (
    BindingQuery,
    ListQuery,
    NamespaceQuery,
    RegistryQuery,
    RegistrySort,
    SpaceQuery,
    SpaceSort,
    WorkspaceQuery,
    WorkspaceSort,
)
from tasks.store.lists.audit import list_audit
from tasks.store.lists.bindings import list_bindings, load_binding_totals
from tasks.store.lists.namespaces import list_namespaces
from tasks.store.lists.registries import list_registries
from tasks.store.lists.registry_access import load_registry_access
from tasks.store.lists.spaces import list_spaces
from tasks.store.lists.workspaces import list_bound_registries, list_workspaces
from tasks.store.session import run_in_snapshot, run_in_transaction
from tests.support.builders import NOW
from tests.support.large_world import LARGEST, save_large_world

CASES: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("registries by health", list_registries, (RegistryQuery(sort=RegistrySort.HEALTH),)),
    ("spaces by name", list_spaces, (LARGEST, SpaceQuery())),
    ("spaces, last page", list_spaces, (LARGEST, SpaceQuery(offset=9_950))),
    ("spaces by storage", list_spaces, (LARGEST, SpaceQuery(sort=SpaceSort.STORAGE))),
    ("spaces by bindings", list_spaces, (LARGEST, SpaceQuery(sort=SpaceSort.BINDINGS))),
    ("spaces without bindings", list_spaces, (LARGEST, SpaceQuery(is_bound=False))),
    ("spaces, search", list_spaces, (LARGEST, SpaceQuery(search="99"))),
    ("workspaces and totals of a registry", load_registry_access, (LARGEST, ListQuery())),
    ("held bindings", list_bindings, (BindingQuery(registry=LARGEST, is_held=True),)),
    ("bindings of a space", list_bindings, (BindingQuery(registry=LARGEST, space="space-00007"),)),
    ("workspaces", list_workspaces, (WorkspaceQuery(),)),
    ("workspaces by spaces", list_workspaces, (WorkspaceQuery(sort=WorkspaceSort.SPACES),)),
    ("bindings of a workspace", list_bindings, (BindingQuery(workspace="team-0007"),)),
    (
        "pending of a workspace",
        list_bindings,
        (BindingQuery(workspace="team-0007", is_pending=True),),
    ),
    ("totals of a workspace", load_binding_totals, (BindingQuery(workspace="team-0007"),)),
    ("largest workspace", list_bindings, (BindingQuery(workspace="team-0000"),)),
    ("its totals", load_binding_totals, (BindingQuery(workspace="team-0000"),)),
    ("its registries", list_bound_registries, ("team-0000",)),
    ("its namespaces", list_namespaces, (NamespaceQuery(workspace="team-0000"),)),
    ("namespaces", list_namespaces, (NamespaceQuery(search="ns-9"),)),
    ("history of a registry", list_audit, (AuditQuery(registry=LARGEST),)),
]
_TIMED = {list_bindings, load_registry_access}


def test_lists() -> None:
    started = time.perf_counter()
    run_in_transaction(save_large_world)
    print(f"\n  world saved in {time.perf_counter() - started:.1f} s")
    policy = get_settings().poll_policy
    for label, work, arguments in CASES:
        extra: tuple[Any, ...] = (NOW + timedelta(minutes=1),) if work in _TIMED else ()
        if work is list_registries:
            extra = (policy, NOW)
        wall, processor = min(_measure(work, *arguments, *extra) for _ in range(3))
        print(f"  {label}: {1_000 * wall:.0f} ms, {1_000 * processor:.0f} ms of processor time")


def _measure(work: Callable[..., Any], *arguments: Any) -> tuple[float, float]:
    started, processor = time.perf_counter(), time.process_time()
    run_in_snapshot(work, *arguments)
    return time.perf_counter() - started, time.process_time() - processor
