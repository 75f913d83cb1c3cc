"""What is written about each binding, from those on record."""

import pytest

from models.access.binding import Binding
from models.access.binding_update import (
    BindingKey,
    BindingUpdate,
    add_bindings,
    add_missing_bindings,
    hold_all,
    hold_spaces,
    remove_bindings,
)
from models.core.audit import EVENT_DESCRIPTIONS, AuditEntry
from tests.support.access_builders import binding

CURRENT = {("a", "team-a"): False, ("a", "team-b"): True, ("b", "team-a"): False}
"""Whether each binding is held."""
WHY = "made again"


def entry(action: str, space: str, workspace: str, reason: str) -> AuditEntry:
    return AuditEntry(
        subject=space, action=action, workspace=workspace, after=workspace, reason=reason
    )


def bound(space: str, workspace: str, reason: str = "requested") -> AuditEntry:
    return entry("space.bound", space, workspace, reason)


def held(space: str, workspace: str, reason: str = WHY) -> AuditEntry:
    return entry("space.binding-held", space, workspace, reason)


@pytest.mark.parametrize(
    ("desired", "expected"),
    [
        ([], BindingUpdate()),
        ([binding("a"), binding("b")], BindingUpdate()),  # in force already
        (
            [binding("c")],
            BindingUpdate(added=(binding("c"),), audit_entries=(bound("c", "team-a"),)),
        ),
        (
            [binding("c"), binding("c")],
            BindingUpdate(added=(binding("c"),), audit_entries=(bound("c", "team-a"),)),
        ),
        (
            [binding("a", "team-b")],
            BindingUpdate(
                restored=(("a", "team-b"),),
                audit_entries=(bound("a", "team-b", "requested; it was held"),),
            ),
        ),
        (
            [binding("a", "team-b"), binding("a"), binding("b", "team-b")],
            BindingUpdate(
                added=(binding("b", "team-b"),),
                restored=(("a", "team-b"),),
                audit_entries=(
                    bound("b", "team-b"),
                    bound("a", "team-b", "requested; it was held"),
                ),
            ),
        ),
    ],
)
def test_missing_bindings_are_added_and_held_ones_restored(
    desired: list[Binding], expected: BindingUpdate
) -> None:
    assert add_bindings(CURRENT, desired) == expected


@pytest.mark.parametrize(
    ("reasons", "keys", "entries"),
    [
        ({}, {}, ()),
        ({"ghost": WHY}, {}, ()),
        ({"a": WHY}, {WHY: (("a", "team-a"),)}, (held("a", "team-a"),)),  # the other is held
        (
            {"a": WHY, "b": WHY},
            {WHY: (("a", "team-a"), ("b", "team-a"))},
            (held("a", "team-a"), held("b", "team-a")),
        ),
        (
            {"a": WHY, "b": "expired"},
            {WHY: (("a", "team-a"),), "expired": (("b", "team-a"),)},
            (held("a", "team-a"), held("b", "team-a", "expired")),
        ),
    ],
)
def test_bindings_of_replaced_spaces_are_held(
    reasons: dict[str, str],
    keys: dict[str, tuple[BindingKey, ...]],
    entries: tuple[AuditEntry, ...],
) -> None:
    assert hold_spaces(CURRENT, reasons) == BindingUpdate(
        held_by_reason=keys, audit_entries=entries
    )


def test_all_are_held_that_are_in_force() -> None:
    assert hold_all(CURRENT, WHY) == hold_spaces(CURRENT, {"a": WHY, "b": WHY})
    assert hold_all({}, WHY) == BindingUpdate()


@pytest.mark.parametrize(
    ("candidates", "removed"),
    [
        ([], ()),
        ([binding("ghost"), binding("b", "team-b")], ()),
        ([binding("b"), binding("b")], (("b", "team-a"),)),
        ([binding("b"), binding("a", "team-b")], (("b", "team-a"), ("a", "team-b"))),
    ],
)
def test_bindings_are_removed_that_are_there(
    candidates: list[Binding], removed: tuple[BindingKey, ...]
) -> None:
    assert remove_bindings(CURRENT, candidates, "asked") == BindingUpdate(
        removed=removed,
        dropped=tuple(key for key in removed if CURRENT[key]),
        audit_entries=tuple(entry("space.unbound", *key, "asked") for key in removed),
    )


def test_every_change_is_audited_by_a_known_event() -> None:
    updates = [
        add_bindings(CURRENT, [binding("c"), binding("a", "team-b")]),
        hold_all(CURRENT, WHY),
        remove_bindings(CURRENT, [binding("b")], "asked"),
    ]
    actions = {entry.action for update in updates for entry in update.audit_entries}
    assert len(actions) == 3
    assert actions <= EVENT_DESCRIPTIONS.keys()


def test_missing_bindings_are_added_and_held_ones_stay_held() -> None:
    desired = [binding("a"), binding("a", "team-b"), binding("c")]
    update = add_missing_bindings(CURRENT, desired, WHY)
    assert update == BindingUpdate(
        added=(binding("c"),), audit_entries=(bound("c", "team-a", WHY),)
    )
