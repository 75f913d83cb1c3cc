"""Bindings come and go one by one: what somebody else bound at the same time stays."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from models.access.binding import Binding, Workspace
from models.registries.plan import Plan
from models.registries.registry import Kind
from models.tables import AuditRow, BindingRow
from tasks.store.access import bindings, workspaces
from tasks.store.leases import leased
from tasks.store.registries import registries, runs, spaces
from tasks.store.session import engine_for, stored, transact
from tests.support.access_builders import binding
from tests.support.builders import NOW, registry, space
from tests.tasks.store.tools import INTEGRATED, integrate, rows

pytestmark = pytest.mark.usefixtures("database")

LATER = NOW + timedelta(minutes=1)
RUN = {"at": LATER, "flow_run": "run-2"}


def platform(*names: str) -> None:
    """Two registries and some workspaces."""
    integrate()
    integrate(registry(Kind.DOCKER, name="images", address="http://images.test"))
    for name in names or ("team-a", "team-b"):
        transact(workspaces.create, Workspace(name=name), [], at=NOW, flow_run="run-1")


def bind(*wanted: Binding) -> int:
    return transact(bindings.bind, wanted, **RUN)  # type: ignore[arg-type]


def unbind(*unwanted: Binding, why: str = "asked") -> int:
    return transact(bindings.unbind, unwanted, why, **RUN)  # type: ignore[arg-type]


def everything() -> tuple[Binding, ...]:
    return transact(bindings.bindings)


def told() -> list[tuple[str, str, str, str]]:
    """(what, registry, space, workspace) of the audit since the platform was set up."""
    wanted = {"space.bound", "space.unbound", "space.binding-held"}
    return [
        (row.what, row.registry_name, row.subject, row.workspace)
        for row in rows(AuditRow)
        if row.what in wanted
    ]


def test_bound_as_asked() -> None:
    platform()
    wanted = (binding("b"), binding("a"), binding("a", "team-b"), binding("/", registry="images"))
    assert bind(*wanted) == 4
    assert everything() == (wanted[3], wanted[1], wanted[2], wanted[0])
    assert transact(bindings.bindings, registry="prod") == (wanted[1], wanted[2], wanted[0])
    assert transact(bindings.bindings, workspace="team-b") == (wanted[2],)
    assert transact(bindings.bindings, registry="images", workspace="team-b") == ()
    assert transact(bindings.bound, "prod") == {"team-a": ("a", "b"), "team-b": ("a",)}
    assert told() == [
        ("space.bound", "prod", "b", "team-a"),
        ("space.bound", "prod", "a", "team-a"),
        ("space.bound", "prod", "a", "team-b"),
        ("space.bound", "images", "/", "team-a"),
    ]


def test_binding_again_is_no_news_and_keeps_its_time() -> None:
    platform()
    bind(binding())
    transact(bindings.note_effective, everything(), LATER)
    assert bind(binding(bound_at=LATER), binding("other")) == 1
    assert everything() == (binding("other"), binding(effective_at=LATER))
    assert [one[2] for one in told()] == ["team", "other"]


def test_asked_twice_in_one_breath() -> None:
    platform()
    assert bind(binding(), binding()) == 1


def test_unbinding_takes_only_what_is_named() -> None:
    platform()
    bind(binding("a"), binding("b"), binding("a", "team-b"))
    assert unbind(binding("a"), binding("ghost"), binding("b", "team-b")) == 1
    assert everything() == (binding("a", "team-b"), binding("b"))
    row = rows(AuditRow)[-1]
    found = (row.what, row.subject, row.workspace, row.why, row.flow_run, row.event)
    assert found == ("space.unbound", "a", "team-a", "asked", "run-2", "space.unbound")


def test_what_was_unbound_is_bound_anew() -> None:
    platform()
    bind(binding())
    transact(bindings.note_effective, everything(), NOW)
    unbind(binding())
    bind(binding(bound_at=LATER))
    assert everything() == (binding(bound_at=LATER),)


def at_once(first: Callable[[Session], object], second: Callable[[Session], object]) -> None:
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
        transact(second)

    with ThreadPoolExecutor(2) as pool:
        for work in [pool.submit(transact, slow), pool.submit(quick)]:
            work.result(60)


def test_two_who_bind_at_once_lose_nothing() -> None:
    platform()
    mine, yours = (binding("a"), binding("b")), (binding("b"), binding("c", "team-b"))
    at_once(
        lambda session: bindings.bind(session, mine, at=NOW, flow_run="mine"),
        lambda session: bindings.bind(session, yours, at=NOW, flow_run="yours"),
    )
    assert everything() == (binding("a"), binding("b"), binding("c", "team-b"))
    assert sorted(one[2] for one in told()) == ["a", "b", "c"]


def test_two_who_unbind_at_once() -> None:
    platform()
    bind(binding("a"), binding("b"), binding("c"))
    at_once(
        lambda session: bindings.unbind(
            session, [binding("a"), binding("b")], "x", at=NOW, flow_run="mine"
        ),
        lambda session: bindings.unbind(
            session, [binding("b"), binding("c")], "x", at=NOW, flow_run="yours"
        ),
    )
    assert everything() == ()
    assert sorted(one[2] for one in told() if one[0] == "space.unbound") == ["a", "b", "c"]


def test_one_binds_while_another_unbinds() -> None:
    platform()
    bind(binding("a"))
    at_once(
        lambda session: bindings.unbind(session, [binding("a")], "x", at=NOW, flow_run="mine"),
        lambda session: bindings.bind(session, [binding("b")], at=NOW, flow_run="yours"),
    )
    assert everything() == (binding("b"),)


def test_unbound_while_it_is_noted_as_in_force(database: str) -> None:
    """Whoever syncs clusters must not stumble over it."""
    platform()
    bind(binding("a"), binding("b"))
    if database.startswith("sqlite"):
        pytest.skip("a transaction has the whole database here")
    with Session(engine_for(database)) as session:
        pending = bindings.not_yet_effective(session)
        unbind(binding("a"))
        bindings.note_effective(session, pending, LATER)
        session.commit()
    assert everything() == (binding("b", effective_at=LATER),)


def test_in_force_is_noted_once() -> None:
    platform()
    bind(binding("a"), binding("b"))
    assert transact(bindings.not_yet_effective) == (binding("a"), binding("b"))
    transact(bindings.note_effective, [binding("a"), binding("ghost")], NOW)
    assert transact(bindings.not_yet_effective) == (binding("b"),)
    transact(bindings.note_effective, [binding("a", effective_at=NOW)], LATER)
    transact(bindings.note_effective, [binding("a")], LATER)  # known from before
    assert everything() == (binding("a", effective_at=NOW), binding("b"))


def test_bound_workspaces() -> None:
    platform()
    assert transact(bindings.bound_workspaces) == frozenset()
    docker = (binding("a", registry="images"), binding("b", registry="images"))
    bind(*docker, binding("a", "team-b"))
    bound = {("images", "team-a"), ("prod", "team-b")}
    assert transact(bindings.bound_workspaces) == bound


def test_bindings_of_some_spaces() -> None:
    platform()
    bind(binding("a"), binding("a", "team-b"), binding("b"), binding("a", registry="images"))
    assert transact(bindings.of_spaces, "prod", ["a", "ghost"]) == (
        binding("a"),
        binding("a", "team-b"),
    )
    assert transact(bindings.of_spaces, "prod", []) == ()


def test_the_bindings_of_a_space_that_is_forgotten_are_held() -> None:
    """And the audit tells whose: a later space of that name inherits nothing."""
    platform()
    transact(spaces.remember, "prod", [space("a"), space("b")])
    bind(binding("a"), binding("a", "team-b"), binding("b"), binding("a", registry="images"))
    transact(spaces.forget, "prod", ["a"], **RUN)  # type: ignore[arg-type]
    assert transact(spaces.spaces, "prod") == (space("b"),)
    assert everything() == (
        binding("a", registry="images"),
        binding("a", held_since=LATER, held_reason=spaces.GONE),
        binding("a", "team-b", held_since=LATER, held_reason=spaces.GONE),
        binding("b"),
    )
    assert told()[-2:] == [
        ("space.binding-held", "prod", "a", "team-a"),
        ("space.binding-held", "prod", "a", "team-b"),
    ]
    assert rows(AuditRow)[-1].why == spaces.GONE


def test_a_held_binding_is_listed_and_in_force_nowhere() -> None:
    platform()
    docker = binding("a", registry="images")
    bind(binding("a"), binding("b"), docker)
    transact(bindings.note_effective, everything(), NOW)
    why = "made again"
    held = transact(bindings.hold, [binding("a"), docker, binding("ghost")], why, **RUN)  # type: ignore[arg-type]
    assert held == 2
    assert [(one.space, one.is_held, one.held_reason) for one in everything()] == [
        ("a", True, why),
        ("a", True, why),
        ("b", False, ""),
    ]
    assert transact(bindings.bound, "prod") == {"team-a": ("b",)}
    assert transact(bindings.bound_workspaces) == {("prod", "team-a")}
    assert transact(bindings.not_yet_effective) == ()
    transact(bindings.note_effective, [binding("a")], LATER)  # known from before it was held
    assert everything()[1].effective_at is None
    held = transact(bindings.hold, [binding("a")], "again", **RUN)  # type: ignore[arg-type]
    assert (held, everything()[1].held_reason) == (0, why)
    assert [one[0] for one in told()].count("space.binding-held") == 2


def test_binding_restores_a_held_binding_and_unbinding_drops_it() -> None:
    platform()
    bind(binding("a"), binding("b"))
    transact(bindings.hold, everything(), "made again", at=NOW, flow_run="run-1")
    assert bind(binding("a")) == 1
    assert everything()[0] == binding("a", bound_at=LATER)
    assert transact(bindings.bound, "prod") == {"team-a": ("a",)}
    row = rows(AuditRow)[-1]
    assert (row.what, row.subject, row.why) == ("space.bound", "a", "asked; it was held")
    assert unbind(binding("b")) == 1
    assert everything() == (binding("a", bound_at=LATER),)


def test_a_space_made_again_is_written_down_with_its_bindings_held() -> None:
    """In one transaction: no other run sees the new id and the old bindings in force."""
    platform()
    transact(spaces.remember, "prod", [space("a", id=7)])
    bind(binding("a"), binding("a", "team-b"), binding("b"))
    plan = Plan(
        registry="prod",
        made_at=NOW,
        remembered=(space("a", id=8),),
        bindings_to_hold={"a": "made again"},
    )

    async def save() -> None:
        async with leased("prod") as holder:
            more = {"first_look": False, "holder": holder, **RUN}
            await stored(runs.save_findings, plan, **more)  # type: ignore[arg-type]

    asyncio.run(save())
    assert transact(spaces.spaces, "prod")[0].remote_id == 8
    assert transact(bindings.bound, "prod") == {"team-a": ("b",)}
    assert {one.held_reason for one in everything() if one.space == "a"} == {"made again"}


def test_forgetting_nothing_unbinds_nothing() -> None:
    platform()
    bind(binding("a"))
    transact(spaces.forget, "prod", [], **RUN)  # type: ignore[arg-type]
    assert everything() == (binding("a"),)


def test_a_registry_that_is_removed_takes_its_bindings_along() -> None:
    platform()
    bind(binding("a"), binding("a", registry="images"))
    gone = INTEGRATED.model_copy(update={"what": "registry.removed"})
    transact(registries.remove, "prod", gone, **RUN)  # type: ignore[arg-type]
    assert everything() == (binding("a", registry="images"),)


@pytest.mark.parametrize("wanted", [binding(workspace="ghost"), binding(registry="ghost")])
def test_a_binding_needs_both_ends(wanted: Binding) -> None:
    """Nobody can bind what was removed a moment ago; and nothing else of it is stored."""
    platform()
    with pytest.raises(IntegrityError):
        bind(binding("fine"), wanted)
    assert rows(BindingRow) == []
