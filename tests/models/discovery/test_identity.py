"""A Harbor is identified by its robot accounts: their ids together with their creation times."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from models.access.robot_state import IDENTITY_MISMATCH_REASON, RobotState
from models.discovery.identity import (
    IdentityComparison,
    IdentityMatch,
    compare_robots,
    find_registry_by_robots,
    is_other_harbor,
    own_robots,
)
from models.registries.changes import DeleteRobot
from models.registries.robots import ObservedRobot, OwnershipMark, RobotAccount
from tests.support.access_builders import INSTALLATION_ID, robot, robot_account, robots
from tests.support.builders import NOW, observed_space, snapshot, unavailable

LATER = NOW + timedelta(milliseconds=1)


def accounts_on_record(
    *ids: int, dated: bool = True, registry: str = "prod"
) -> tuple[RobotAccount, ...]:
    created = NOW if dated else None
    return tuple(
        robot_account(id, "a", registry=registry).model_copy(update={"created_at": created})
        for id in ids
    )


def robots_in_harbor(
    *ids: int, created_at: object = NOW, registry: str = ""
) -> tuple[ObservedRobot, ...]:
    mark = OwnershipMark(installation=INSTALLATION_ID, registry=registry, workspace="team-a")
    return tuple(
        robot(id, "a").model_copy(update={"created_at": created_at, "mark": mark}) for id in ids
    )


@pytest.mark.parametrize(
    ("grants", "observed_robots", "likeness", "other"),
    [
        ((), (), IdentityMatch.NO_RECORD, False),
        ((), robots_in_harbor(1), IdentityMatch.NO_RECORD, False),
        (accounts_on_record(1), robots_in_harbor(1), IdentityMatch.SAME, False),
        (accounts_on_record(1, 2, 3), robots_in_harbor(2, 3, 9), IdentityMatch.SAME, False),
        (accounts_on_record(1, 2), robots_in_harbor(2), IdentityMatch.UNDECIDED, False),
        (accounts_on_record(1, 2, 3), robots_in_harbor(3), IdentityMatch.UNDECIDED, False),
        (
            accounts_on_record(1),
            (),
            IdentityMatch.OTHER,
            False,
        ),  # it may have been deleted manually
        (accounts_on_record(1), robots_in_harbor(2), IdentityMatch.OTHER, False),
        (accounts_on_record(1), robots_in_harbor(1, created_at=LATER), IdentityMatch.OTHER, True),
        (
            accounts_on_record(1, 2),
            (*robots_in_harbor(1, created_at=LATER), *robots_in_harbor(7)),
            IdentityMatch.OTHER,
            True,
        ),
        (
            accounts_on_record(1, 2),
            (*robots_in_harbor(1, created_at=LATER), *robots_in_harbor(2)),
            IdentityMatch.UNDECIDED,
            False,
        ),
        (
            accounts_on_record(1),
            robots_in_harbor(1, created_at=None),
            IdentityMatch.OTHER,
            False,
        ),  # without a creation time
        (accounts_on_record(1, dated=False), robots_in_harbor(1), IdentityMatch.UNDECIDED, False),
        (
            (*accounts_on_record(1), *accounts_on_record(2, dated=False)),
            robots_in_harbor(1, 2),
            IdentityMatch.SAME,
            False,
        ),
    ],
)
def test_what_robot_accounts_say_of_a_harbor(
    grants: tuple[RobotAccount, ...],
    observed_robots: tuple[ObservedRobot, ...],
    likeness: IdentityMatch,
    other: bool,
) -> None:
    assert compare_robots(grants, observed_robots).match is likeness
    assert is_other_harbor(grants, observed_robots) is other


def test_they_are_counted() -> None:
    grants = (*accounts_on_record(1, 2, 3), *accounts_on_record(4, dated=False))
    comparison = compare_robots(
        grants, (*robots_in_harbor(1), *robots_in_harbor(2, created_at=LATER), *robots_in_harbor(5))
    )
    assert comparison == IdentityComparison(
        recorded_count=4, dated_count=3, present_count=1, contradicting_count=1
    )


@pytest.mark.parametrize(
    ("observed_robots", "other_registry"),
    [
        (robots(), ""),
        (robots(*robots_in_harbor(1)), "other"),
        (robots(*robots_in_harbor(1, created_at=LATER)), ""),
        (robots(*robots_in_harbor(1, created_at=None)), ""),
        (robots(*robots_in_harbor(2)), ""),  # its own robot account
        (unavailable(), ""),
    ],
)
def test_a_second_address_of_a_harbor_is_known(
    observed_robots: object, other_registry: str
) -> None:
    grants = (
        *accounts_on_record(1, registry="other"),
        *accounts_on_record(2),
        *accounts_on_record(3, dated=False, registry="x"),
    )
    assert find_registry_by_robots(observed_robots, grants, "prod") == other_registry  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("registry", "ours"), [("", True), ("prod", True), ("gone", True), ("other", False)]
)
def test_what_was_made_for_another_registry_on_record_is_not_ours(
    registry: str, ours: bool
) -> None:
    observed_robots = robots_in_harbor(1, registry=registry)
    assert own_robots(observed_robots, (), {"other"}) == (observed_robots if ours else ())
    assert (
        own_robots(observed_robots, accounts_on_record(1), {"other"}) == observed_robots
    )  # regardless of its current mark


def _record(grants: Iterable[RobotAccount] = ()) -> RobotState:
    return RobotState(
        registry="prod",
        installation=INSTALLATION_ID,
        other_registries=frozenset({"other"}),
        bound_spaces={"team-a": ("a",)},
        robots=tuple(grants),
    )


def _observation(*observed_robots: ObservedRobot) -> object:
    return snapshot(observed_space("a")).model_copy(update={"robots": robots(*observed_robots)})


def test_at_a_second_address_no_robot_account_of_the_first_is_deleted() -> None:
    record = _record().model_copy(update={"bound_spaces": {}})
    observation = record.ignore_unneeded_robots(
        _observation(*robots_in_harbor(1, 2, registry="other"))  # type: ignore[arg-type]
    )
    assert record.plan(observation).changes == ()
    orphans = record.ignore_unneeded_robots(_observation(*robots_in_harbor(1, registry="gone")))  # type: ignore[arg-type]
    (change,) = record.plan(orphans).changes
    assert isinstance(change, DeleteRobot)


def test_another_harbor_behind_the_address_is_given_nothing() -> None:
    record, observation = (
        _record(accounts_on_record(1)),
        _observation(*robots_in_harbor(1, created_at=LATER)),
    )
    assert record.bindings_to_hold(observation) == {"a": IDENTITY_MISMATCH_REASON}  # type: ignore[arg-type]
    (change,) = record.without_spaces({"a": ""}).plan(observation).changes  # type: ignore[arg-type]
    assert isinstance(change, DeleteRobot)
    same = _observation(*robots_in_harbor(1))
    assert record.bindings_to_hold(same) == {}  # type: ignore[arg-type]


def test_a_secret_on_record_is_of_no_use_for_another_account_of_that_id() -> None:
    record = _record(accounts_on_record(1, 2))
    observation = _observation(*robots_in_harbor(1), *robots_in_harbor(2, created_at=LATER))
    assert record.bindings_to_hold(observation) == {}  # type: ignore[arg-type]
    (change,) = record.plan(observation).changes  # type: ignore[arg-type]
    assert isinstance(change, DeleteRobot)
    assert change.robot_id == 2
