"""Digests of what a comparison was based on."""

from datetime import timedelta
from typing import Any

import pytest

from models.registries.robots import OwnershipMark
from models.registries.runs.baseline import digest_lists, digest_values
from tests.support.access_builders import robot
from tests.support.builders import NOW, registry, space

SPACES = ("7 team private 1 2026-03-01T12:00:00+00:00", "8 other public 0 ")
ROBOT, OTHER = robot(1, "a", "b"), robot(2)


def test_the_order_of_lists_does_not_matter() -> None:
    digest = digest_lists(SPACES, (ROBOT, OTHER))
    assert digest_lists(SPACES[::-1], (OTHER, ROBOT)) == digest


@pytest.mark.parametrize("spaces", [SPACES[:1], (*SPACES, "9 new private 0 "), ()])
def test_each_space_matters(spaces: tuple[str, ...]) -> None:
    assert digest_lists(spaces, ()) != digest_lists(SPACES, ())


@pytest.mark.parametrize(
    "update",
    [
        {"id": 3},
        {"login": "robot$renamed"},
        {"mark": OwnershipMark(installation="0123abcd", workspace="other")},
        {"spaces": ("a",)},
        {"pull_only": False},
        {"disabled": True},
        {"has_expiry": True},
        {"created_at": NOW + timedelta(days=1)},
        {"updated_at": NOW + timedelta(days=1)},
    ],
)
def test_each_field_of_a_robot_account_matters(update: dict[str, Any]) -> None:
    other = ROBOT.model_copy(update=update)
    assert digest_lists((), (other,)) != digest_lists((), (ROBOT,))


def test_values() -> None:
    values = digest_values(registry(), {"a": 1, "b": 2}, frozenset({"x", "y"}), (space(),))
    assert values == digest_values(registry(), {"b": 2, "a": 1}, frozenset({"y", "x"}), (space(),))
    assert values != digest_values(
        registry(), {"a": 1, "b": 2}, frozenset({"x", "y"}), (space("other"),)
    )
    assert values != digest_values(
        registry(name="other"), {"a": 1, "b": 2}, frozenset({"x", "y"}), (space(),)
    )
