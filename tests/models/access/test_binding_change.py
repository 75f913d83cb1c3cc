"""What somebody asks to be bound or unbound, held against what is on record."""

from collections.abc import Callable, Sequence

import pytest

from models.access.binding import Binding
from models.access.binding_change import (
    BindingChange,
    BindingRecords,
    plan_bind,
    plan_unbind,
    requested_keys,
    restorable_bindings,
    select_held_bindings,
)
from models.core.errors import InvalidRequest
from models.registries.registry import CAPABILITIES, Kind
from tests.support.access_builders import binding, namespace
from tests.support.builders import NOW

SHOP, WEB, UNASSIGNED = namespace(), namespace("web", "team-b"), namespace("x", None)
BINDINGS = (binding("a"), binding("b"), binding("a", "team-b"), binding("gone", "team-b"))
HELD = binding("b", held_since=NOW, held_reason="made again")
HELD_GONE = binding("gone", "team-b", held_since=NOW, held_reason="made again")


def records(*bindings: Binding, spaces: Sequence[str] = ("a", "b", "c")) -> BindingRecords:
    return BindingRecords(
        registry="prod",
        capabilities=CAPABILITIES[Kind.HARBOR],
        spaces=tuple(spaces),
        bindings=bindings,
        workspaces=("team-a", "team-b"),
        namespaces=(SHOP, WEB, UNASSIGNED),
    )


def bind(patterns: Sequence[str], *names: str) -> BindingChange:
    return plan_bind(records(*BINDINGS), patterns, names, NOW)


def unbind(patterns: Sequence[str], *names: str) -> BindingChange:
    return plan_unbind(records(*BINDINGS), patterns, names)


def test_only_what_is_not_so_already_is_bound() -> None:
    assert bind(["*"], "team-b", "team-a", "team-a") == BindingChange(
        capabilities=CAPABILITIES[Kind.HARBOR],
        bindings=(binding("c"), binding("b", "team-b"), binding("c", "team-b")),
        namespaces=(SHOP, WEB),
        total_count=4,
    )


def test_all_is_so_already() -> None:
    assert bind(["a"], "team-b") == BindingChange(
        capabilities=CAPABILITIES[Kind.HARBOR], bindings=(), namespaces=(WEB,), total_count=4
    )


def test_on_a_docker_registry() -> None:
    images = records(spaces=["/"]).model_copy(
        update={"registry": "images", "capabilities": CAPABILITIES[Kind.DOCKER]}
    )
    change = plan_bind(images, ["/"], ["team-a"], NOW)
    assert (change.capabilities, change.total_count) == (CAPABILITIES[Kind.DOCKER], 0)
    assert change.bindings == (binding("/", registry="images"),)


def test_a_held_binding_is_bound_again() -> None:
    change = plan_bind(records(binding("a"), HELD), ["a", "b"], ["team-a"], NOW)
    assert (change.bindings, change.total_count, change.held_count) == ((binding("b"),), 2, 0)
    other = plan_bind(records(HELD), ["a"], ["team-a"], NOW)
    assert (other.bindings, other.held_count) == ((binding("a"),), 1)


def test_only_what_is_there_is_unbound() -> None:
    assert unbind(["a", "c"], "team-a") == BindingChange(
        capabilities=CAPABILITIES[Kind.HARBOR],
        bindings=(binding("a"),),
        namespaces=(SHOP,),
        total_count=4,
    )


def test_what_is_gone_from_the_registry_can_be_unbound() -> None:
    assert unbind(["gone"], "team-b").bindings == (binding("gone", "team-b"),)
    assert unbind(["*"], "team-b").bindings == (BINDINGS[2], BINDINGS[3])
    with pytest.raises(InvalidRequest, match="no space 'gone'"):
        bind(["gone"], "team-a")


@pytest.mark.parametrize("plan", [bind, unbind])
def test_what_nobody_knows_is_refused(plan: Callable[..., BindingChange]) -> None:
    with pytest.raises(
        InvalidRequest, match="no workspace ghost; existing workspaces: team-a, team-b"
    ):
        plan(["a"], "team-a", "ghost")
    with pytest.raises(InvalidRequest, match="prod has no space 'ghost'"):
        plan(["a", "ghost"], "team-a")


@pytest.mark.parametrize(
    ("patterns", "names", "expected"),
    [
        ([], [], (HELD, HELD_GONE)),
        ([], ["team-b"], (HELD_GONE,)),
        (["b"], [], (HELD,)),
        (["*"], ["team-a"], (HELD,)),
        (["a"], [], ()),  # bound, and in force
        (["b"], ["team-b"], ()),
    ],
)
def test_held_bindings_are_selected(
    patterns: list[str], names: list[str], expected: tuple[Binding, ...]
) -> None:
    change = select_held_bindings(records(binding("a"), HELD, HELD_GONE), patterns, names)
    workspaces = {held.workspace for held in expected}
    assert change == BindingChange(
        capabilities=CAPABILITIES[Kind.HARBOR],
        bindings=expected,
        namespaces=tuple(item for item in (SHOP, WEB) if item.workspace in workspaces),
        total_count=3,
        held_count=2 - len(expected),
    )


def test_held_bindings_of_whom_nobody_knows() -> None:
    with pytest.raises(InvalidRequest, match="no workspace ghost"):
        select_held_bindings(records(HELD), [], ["ghost"])
    with pytest.raises(InvalidRequest, match="prod has no space 'c'"):
        select_held_bindings(records(HELD), ["c"], [])


def test_only_for_a_space_on_record_can_a_binding_be_restored() -> None:
    """Else it would wait for whoever takes the name."""
    on_record = records(HELD, HELD_GONE)
    assert restorable_bindings(on_record, on_record.bindings) == (HELD,)


def test_what_is_requested_includes_what_is_bound() -> None:
    keys = requested_keys("prod", ["a", "b", "c"], ["a", "b*"], ["team-a", "team-b"])
    assert keys == {("a", "team-a"), ("a", "team-b"), ("b", "team-a"), ("b", "team-b")}
