"""Bindings come and go one by one: what somebody else bound at the same time stays."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from flows.operations import bindings as binding_operations
from flows.operations import memberships
from models.access.binding import Binding, Workspace
from models.access.binding_update import hold_spaces
from models.registries.plan import Plan
from models.registries.registry import Kind
from models.registries.runs.record import EXPIRED_REASON, summarize_findings
from models.tables import AuditRow, BindingRow
from tasks.store.access import bindings
from tasks.store.leases import lease
from tasks.store.registries import registries, spaces
from tasks.store.session import get_engine, in_transaction, run_in_transaction
from tests.support.access_builders import binding
from tests.support.builders import NOW, registry, run_context, space
from tests.tasks.store.tools import INTEGRATED, integrate, rows

pytestmark = pytest.mark.usefixtures("database")

LATER = NOW + timedelta(minutes=1)
RUN = run_context("run-2", now=LATER)


def platform(*names: str) -> None:
    """Two registries and some workspaces."""
    integrate()
    integrate(registry(Kind.DOCKER, name="images", address="http://images.test"))
    for name in names or ("team-a", "team-b"):
        run_in_transaction(
            memberships.add_or_update_workspace, Workspace(name=name), [], run_context("run-1")
        )


def bind(*new_bindings: Binding) -> int:
    return run_in_transaction(binding_operations.bind, new_bindings, RUN)


def unbind(*old_bindings: Binding, why: str = "asked") -> int:
    return run_in_transaction(binding_operations.unbind, old_bindings, why, RUN)


def hold(registry: str, reasons: dict[str, str]) -> int:
    decide = partial(hold_spaces, reasons=reasons)
    update = run_in_transaction(bindings.update_bindings, registry, decide, RUN)
    return sum(len(keys) for keys in update.held_by_reason.values())


def save_findings(**parts: Any) -> None:
    """Save what a run on the registry has found before it changes anything."""
    plan = Plan(registry="prod", created_at=NOW, **parts)

    async def save() -> None:
        async with lease("prod") as lease_id:
            context = RUN.model_copy(update={"lease_id": lease_id})
            record = await in_transaction(registries.get_registry, "prod")
            findings = summarize_findings(record, plan)
            await in_transaction(
                binding_operations.save_findings_and_holds, "prod", findings, context
            )

    asyncio.run(save())


def all_bindings() -> tuple[Binding, ...]:
    return run_in_transaction(bindings.list_bindings)


def binding_events() -> list[tuple[str, str, str, str]]:
    """(what, registry, space, workspace) of the audit since the platform was set up."""
    event_names = {"space.bound", "space.unbound", "space.binding-held"}
    return [
        (row.what, row.registry_name, row.subject, row.workspace)
        for row in rows(AuditRow)
        if row.what in event_names
    ]


def test_bound_as_asked() -> None:
    platform()
    new_bindings = (
        binding("b"),
        binding("a"),
        binding("a", "team-b"),
        binding("/", registry="images"),
    )
    assert bind(*new_bindings) == 4
    assert all_bindings() == (new_bindings[3], new_bindings[1], new_bindings[2], new_bindings[0])
    assert run_in_transaction(bindings.list_bindings, registry="prod") == (
        new_bindings[1],
        new_bindings[2],
        new_bindings[0],
    )
    assert run_in_transaction(bindings.list_bindings, workspace="team-b") == (new_bindings[2],)
    assert run_in_transaction(bindings.list_bindings, registry="images", workspace="team-b") == ()
    assert run_in_transaction(bindings.spaces_by_workspace, "prod") == {
        "team-a": ("a", "b"),
        "team-b": ("a",),
    }
    assert binding_events() == [
        ("space.bound", "images", "/", "team-a"),
        ("space.bound", "prod", "b", "team-a"),
        ("space.bound", "prod", "a", "team-a"),
        ("space.bound", "prod", "a", "team-b"),
    ]


def test_binding_again_is_no_news_and_keeps_its_time() -> None:
    platform()
    bind(binding())
    run_in_transaction(bindings.save_effective, all_bindings(), LATER)
    assert bind(binding(bound_at=LATER), binding("other")) == 1
    assert all_bindings() == (binding("other"), binding(effective_at=LATER))
    assert [event[2] for event in binding_events()] == ["team", "other"]


def test_asked_twice_in_one_breath() -> None:
    platform()
    assert bind(binding(), binding()) == 1


def test_unbinding_takes_only_what_is_named() -> None:
    platform()
    bind(binding("a"), binding("b"), binding("a", "team-b"))
    assert unbind(binding("a"), binding("ghost"), binding("b", "team-b")) == 1
    assert all_bindings() == (binding("a", "team-b"), binding("b"))
    row = rows(AuditRow)[-1]
    fields = (row.what, row.subject, row.workspace, row.why, row.flow_run, row.event)
    assert fields == ("space.unbound", "a", "team-a", "asked", "run-2", "space.unbound")


def test_what_was_unbound_is_bound_anew() -> None:
    platform()
    bind(binding())
    run_in_transaction(bindings.save_effective, all_bindings(), NOW)
    unbind(binding())
    bind(binding(bound_at=LATER))
    assert all_bindings() == (binding(bound_at=LATER),)


def run_concurrently(
    first: Callable[[Session], object], second: Callable[[Session], object]
) -> None:
    """Let the second transaction begin while the first is about to end, and see both end well."""
    begun, second_begins = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        first(session)
        session.flush()
        begun.set()
        second_begins.wait(10)
        threading.Event().wait(0.3)  # it runs into what is locked, if anything is

    def quick() -> None:
        begun.wait(10)
        second_begins.set()
        run_in_transaction(second)

    with ThreadPoolExecutor(2) as pool:
        for work in [pool.submit(run_in_transaction, slow), pool.submit(quick)]:
            work.result(60)


def test_two_who_bind_at_once_lose_nothing() -> None:
    platform()
    first_bindings, second_bindings = (
        (binding("a"), binding("b")),
        (binding("b"), binding("c", "team-b")),
    )
    run_concurrently(
        lambda session: binding_operations.bind(session, first_bindings, run_context("mine")),
        lambda session: binding_operations.bind(session, second_bindings, run_context("yours")),
    )
    assert all_bindings() == (binding("a"), binding("b"), binding("c", "team-b"))
    assert sorted(event[2] for event in binding_events()) == ["a", "b", "c"]


def test_two_who_unbind_at_once() -> None:
    platform()
    bind(binding("a"), binding("b"), binding("c"))
    run_concurrently(
        lambda session: binding_operations.unbind(
            session, [binding("a"), binding("b")], "x", run_context("mine")
        ),
        lambda session: binding_operations.unbind(
            session, [binding("b"), binding("c")], "x", run_context("yours")
        ),
    )
    assert all_bindings() == ()
    assert sorted(event[2] for event in binding_events() if event[0] == "space.unbound") == [
        "a",
        "b",
        "c",
    ]


def test_one_binds_while_another_unbinds() -> None:
    platform()
    bind(binding("a"))
    run_concurrently(
        lambda session: binding_operations.unbind(
            session, [binding("a")], "x", run_context("mine")
        ),
        lambda session: binding_operations.bind(session, [binding("b")], run_context("yours")),
    )
    assert all_bindings() == (binding("b"),)


def test_unbound_while_it_is_noted_as_in_force(database: str) -> None:
    """Whoever syncs clusters must not stumble over it."""
    platform()
    bind(binding("a"), binding("b"))
    if database.startswith("sqlite"):
        pytest.skip("a transaction has the whole database here")
    with Session(get_engine(database)) as session:
        pending = bindings.list_not_yet_effective(session)
        unbind(binding("a"))
        bindings.save_effective(session, pending, LATER)
        session.commit()
    assert all_bindings() == (binding("b", effective_at=LATER),)


def test_in_force_is_noted_once() -> None:
    platform()
    bind(binding("a"), binding("b"))
    assert run_in_transaction(bindings.list_not_yet_effective) == (binding("a"), binding("b"))
    run_in_transaction(bindings.save_effective, [binding("a"), binding("ghost")], NOW)
    assert run_in_transaction(bindings.list_not_yet_effective) == (binding("b"),)
    run_in_transaction(bindings.save_effective, [binding("a", effective_at=NOW)], LATER)
    run_in_transaction(bindings.save_effective, [binding("a")], LATER)  # known from before
    assert all_bindings() == (binding("a", effective_at=NOW), binding("b"))


def test_bound_workspaces() -> None:
    platform()
    assert run_in_transaction(bindings.list_bound_workspaces) == frozenset()
    docker = (binding("a", registry="images"), binding("b", registry="images"))
    bind(*docker, binding("a", "team-b"))
    bound = {("images", "team-a"), ("prod", "team-b")}
    assert run_in_transaction(bindings.list_bound_workspaces) == bound


def test_the_bindings_of_a_space_that_is_forgotten_are_held() -> None:
    """And the audit tells whose: a later space of that name inherits nothing."""
    platform()
    run_in_transaction(spaces.save_spaces, "prod", [space("a"), space("b")])
    bind(binding("a"), binding("a", "team-b"), binding("b"), binding("a", registry="images"))
    save_findings(expired_spaces=("a",))
    assert run_in_transaction(spaces.list_spaces, "prod") == (space("b"),)
    assert all_bindings() == (
        binding("a", registry="images"),
        binding("a", held_since=LATER, held_reason=EXPIRED_REASON),
        binding("a", "team-b", held_since=LATER, held_reason=EXPIRED_REASON),
        binding("b"),
    )
    assert binding_events()[-2:] == [
        ("space.binding-held", "prod", "a", "team-a"),
        ("space.binding-held", "prod", "a", "team-b"),
    ]
    assert rows(AuditRow)[-1].why == EXPIRED_REASON


def test_a_held_binding_is_listed_and_in_force_nowhere() -> None:
    platform()
    docker = binding("a", registry="images")
    bind(binding("a"), binding("b"), docker)
    run_in_transaction(bindings.save_effective, all_bindings(), NOW)
    why = "made again"
    assert hold("prod", {"a": why, "ghost": why}) == hold("images", {"a": why}) == 1
    assert [(record.space, record.is_held, record.held_reason) for record in all_bindings()] == [
        ("a", True, why),
        ("a", True, why),
        ("b", False, ""),
    ]
    assert run_in_transaction(bindings.spaces_by_workspace, "prod") == {"team-a": ("b",)}
    assert run_in_transaction(bindings.list_bound_workspaces) == {("prod", "team-a")}
    assert run_in_transaction(bindings.list_not_yet_effective) == ()
    run_in_transaction(
        bindings.save_effective, [binding("a")], LATER
    )  # known from before it was held
    assert all_bindings()[1].effective_at is None
    assert (hold("prod", {"a": "again"}), all_bindings()[1].held_reason) == (0, why)
    assert [event[0] for event in binding_events()].count("space.binding-held") == 2


def test_binding_restores_a_held_binding_and_unbinding_drops_it() -> None:
    platform()
    bind(binding("a"), binding("b"))
    assert hold("prod", {"a": "made again", "b": "made again"}) == 2
    assert bind(binding("a")) == 1
    assert all_bindings()[0] == binding("a", bound_at=LATER)
    assert run_in_transaction(bindings.spaces_by_workspace, "prod") == {"team-a": ("a",)}
    row = rows(AuditRow)[-1]
    assert (row.what, row.subject, row.why) == ("space.bound", "a", "requested; it was held")
    assert unbind(binding("b")) == 1
    assert all_bindings() == (binding("a", bound_at=LATER),)


def test_a_space_made_again_is_written_down_with_its_bindings_held() -> None:
    """In one transaction: no other run sees the new id and the old bindings in force."""
    platform()
    run_in_transaction(spaces.save_spaces, "prod", [space("a", id=7)])
    bind(binding("a"), binding("a", "team-b"), binding("b"))
    save_findings(updated_spaces=(space("a", id=8),), bindings_to_hold={"a": "made again"})
    assert run_in_transaction(spaces.list_spaces, "prod")[0].remote_id == 8
    assert run_in_transaction(bindings.spaces_by_workspace, "prod") == {"team-a": ("b",)}
    assert {record.held_reason for record in all_bindings() if record.space == "a"} == {
        "made again"
    }


def test_forgetting_nothing_unbinds_nothing() -> None:
    platform()
    bind(binding("a"))
    save_findings()
    assert all_bindings() == (binding("a"),)


def test_a_registry_that_is_removed_takes_its_bindings_along() -> None:
    platform()
    bind(binding("a"), binding("a", registry="images"))
    removal_entry = INTEGRATED.model_copy(update={"action": "registry.removed"})
    run_in_transaction(registries.delete_registry, "prod", removal_entry, RUN)
    assert all_bindings() == (binding("a", registry="images"),)


@pytest.mark.parametrize("invalid_binding", [binding(workspace="ghost"), binding(registry="ghost")])
def test_a_binding_needs_both_ends(invalid_binding: Binding) -> None:
    """Nobody can bind what was removed a moment ago; and nothing else of it is stored."""
    platform()
    with pytest.raises(IntegrityError):
        bind(binding("fine"), invalid_binding)
    assert rows(BindingRow) == []
