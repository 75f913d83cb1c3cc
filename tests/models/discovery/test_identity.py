"""A Harbor is known by our robot accounts in it: their ids together with their creation times."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from models.access.robot_state import OTHER_HARBOR, AccessRecord
from models.discovery.identity import (
    Comparison,
    Likeness,
    compare,
    is_other_harbor,
    own_robots,
    registry_of_robots,
)
from models.registries.changes import RevokeGrant
from models.registries.robots import Grant, Mark, ObservedRobot
from tests.support.access_builders import US, grant, robot, robots
from tests.support.builders import NOW, seen, snapshot, unseen

LATER = NOW + timedelta(milliseconds=1)


def recorded(*ids: int, dated: bool = True, registry: str = "prod") -> tuple[Grant, ...]:
    created = NOW if dated else None
    return tuple(
        grant(id, "a", registry=registry).model_copy(update={"created_at": created}) for id in ids
    )


def shown(*ids: int, at: object = NOW, registry: str = "") -> tuple[ObservedRobot, ...]:
    mark = Mark(installation=US, registry=registry, workspace="team-a")
    return tuple(robot(id, "a").model_copy(update={"created_at": at, "mark": mark}) for id in ids)


@pytest.mark.parametrize(
    ("grants", "there", "likeness", "other"),
    [
        ((), (), Likeness.NO_RECORD, False),
        ((), shown(1), Likeness.NO_RECORD, False),
        (recorded(1), shown(1), Likeness.SAME, False),
        (recorded(1, 2, 3), shown(2, 3, 9), Likeness.SAME, False),
        (recorded(1, 2), shown(2), Likeness.UNDECIDED, False),
        (recorded(1, 2, 3), shown(3), Likeness.UNDECIDED, False),
        (recorded(1), (), Likeness.OTHER, False),  # somebody may have deleted it
        (recorded(1), shown(2), Likeness.OTHER, False),
        (recorded(1), shown(1, at=LATER), Likeness.OTHER, True),
        (recorded(1, 2), (*shown(1, at=LATER), *shown(7)), Likeness.OTHER, True),
        (recorded(1, 2), (*shown(1, at=LATER), *shown(2)), Likeness.UNDECIDED, False),
        (recorded(1), shown(1, at=None), Likeness.OTHER, False),  # it tells no time
        (recorded(1, dated=False), shown(1), Likeness.UNDECIDED, False),
        ((*recorded(1), *recorded(2, dated=False)), shown(1, 2), Likeness.SAME, False),
    ],
)
def test_what_robot_accounts_say_of_a_harbor(
    grants: tuple[Grant, ...], there: tuple[ObservedRobot, ...], likeness: Likeness, other: bool
) -> None:
    assert compare(grants, there).likeness is likeness
    assert is_other_harbor(grants, there) is other


def test_they_are_counted() -> None:
    grants = (*recorded(1, 2, 3), *recorded(4, dated=False))
    found = compare(grants, (*shown(1), *shown(2, at=LATER), *shown(5)))
    assert found == Comparison(recorded=4, dated=3, present=1, contradicted=1)


@pytest.mark.parametrize(
    ("there", "twin"),
    [
        (robots(), ""),
        (robots(*shown(1)), "other"),
        (robots(*shown(1, at=LATER)), ""),
        (robots(*shown(1, at=None)), ""),
        (robots(*shown(2)), ""),  # that is its own
        (unseen(), ""),
    ],
)
def test_a_second_address_of_a_harbor_is_known(there: object, twin: str) -> None:
    grants = (*recorded(1, registry="other"), *recorded(2), *recorded(3, dated=False, registry="x"))
    assert registry_of_robots(there, grants, "prod") == twin  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("registry", "ours"), [("", True), ("prod", True), ("gone", True), ("other", False)]
)
def test_what_was_made_for_another_registry_on_record_is_not_ours(
    registry: str, ours: bool
) -> None:
    found = shown(1, registry=registry)
    assert own_robots(found, (), {"other"}) == (found if ours else ())
    assert own_robots(found, recorded(1), {"other"}) == found  # whatever its mark says now


def _record(grants: Iterable[Grant] = ()) -> AccessRecord:
    return AccessRecord(
        registry="prod",
        installation=US,
        others=frozenset({"other"}),
        bound={"team-a": ("a",)},
        grants=tuple(grants),
    )


def _look(*there: ObservedRobot) -> object:
    return snapshot(seen("a")).model_copy(update={"robots": robots(*there)})


def test_at_a_second_address_no_robot_account_of_the_first_is_deleted() -> None:
    record = _record().model_copy(update={"bound": {}})
    look = record.asked(_look(*shown(1, 2, registry="other")))  # type: ignore[arg-type]
    assert record.plan(look).changes == ()
    orphans = record.asked(_look(*shown(1, registry="gone")))  # type: ignore[arg-type]
    (change,) = record.plan(orphans).changes
    assert isinstance(change, RevokeGrant)


def test_another_harbor_behind_the_address_is_given_nothing() -> None:
    record, look = _record(recorded(1)), _look(*shown(1, at=LATER))
    assert record.to_hold(look) == {"a": OTHER_HARBOR}  # type: ignore[arg-type]
    (change,) = record.without({"a": ""}).plan(look).changes  # type: ignore[arg-type]
    assert isinstance(change, RevokeGrant)
    same = _look(*shown(1))
    assert record.to_hold(same) == {}  # type: ignore[arg-type]


def test_a_secret_on_record_is_of_no_use_for_another_account_of_that_id() -> None:
    record = _record(recorded(1, 2))
    look = _look(*shown(1), *shown(2, at=LATER))
    assert record.to_hold(look) == {}  # type: ignore[arg-type]
    (change,) = record.plan(look).changes  # type: ignore[arg-type]
    assert isinstance(change, RevokeGrant)
    assert change.robot_id == 2
