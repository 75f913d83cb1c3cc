"""When secrets are rotated, and when superseded robot accounts are deleted."""

from datetime import datetime, timedelta

import pytest

from models.access.rotation import (
    Departure,
    RobotDeletion,
    copied_login_expiry,
    current_robots,
    departure_rotations,
    due_for_rotation,
    fully_rolled_out,
    has_superseded_robots,
    newly_rolled_out,
    pending_rollouts,
    registries_with_due_robots,
    replacement_robots,
    robots_by_namespace,
    schedule_robot_deletions,
)
from models.clusters.membership import Namespace
from models.clusters.pull_secret import PullSecretState, PullSecretStatus
from models.core.reasons import Reason
from models.registries.changes import ChangeResult
from models.registries.robots import RobotAccount
from tests.support.access_builders import (
    create_robot,
    delete_robot,
    login,
    namespace,
    pull_secret_status,
    robot_account,
)
from tests.support.builders import NOW, failure, success

DAY = timedelta(days=1)
OLD, NEW = robot_account(1, made_at=NOW - DAY), robot_account(2, made_at=NOW)
KEY = ("prod", "team-a")


def holds(robot: int | None, name: str = "shop", **fields: str) -> PullSecretStatus:
    logins = (login(robot_id=robot),) if robot is not None else ()
    return pull_secret_status(name, logins=logins, **fields)  # type: ignore[arg-type]


def test_the_youngest() -> None:
    assert current_robots([]) == {}
    assert current_robots([OLD, NEW]) == current_robots([NEW, OLD]) == {KEY: NEW}
    tie = robot_account(2, made_at=OLD.secret_created_at)
    assert current_robots([tie, OLD]) == {KEY: tie}
    other_accounts = [robot_account(3, workspace="team-b"), robot_account(4, registry="other")]
    assert len(current_robots([OLD, *other_accounts])) == 3


@pytest.mark.parametrize(
    ("age", "expected"),
    [(None, set()), (2 * DAY, set()), (DAY, {"team-a"}), (DAY / 2, {"team-a"})],
)
def test_overdue(age: timedelta | None, expected: set[str]) -> None:
    due = due_for_rotation([OLD], age, NOW)
    assert due == ({"prod": expected} if expected else {})


def test_a_young_one_beside_an_old_one_is_not_overdue() -> None:
    assert due_for_rotation([OLD, NEW], DAY, NOW) == {}


def test_the_observer_is_not_rotated_with_workspaces() -> None:
    assert due_for_rotation([robot_account(1, workspace="", made_at=NOW - DAY)], DAY, NOW) == {}


@pytest.mark.parametrize(
    ("namespaces", "deliveries", "is_served"),
    [
        ([], [], True),
        ([namespace()], [holds(2)], True),
        ([namespace()], [holds(1)], False),
        ([namespace()], [], False),
        ([namespace()], [holds(None)], False),
        ([namespace(), namespace("b")], [holds(2), holds(1, "b")], False),
        ([namespace(), namespace("b")], [holds(2), holds(2, "b")], True),
        # A namespace in an unreachable cluster keeps its logins.
        ([namespace(), namespace(cluster="us")], [holds(2), holds(1, cluster="us")], False),
        ([namespace(), namespace(cluster="us")], [holds(2), holds(2, cluster="us")], True),
        ([namespace("b", "team-b")], [holds(1, "b")], True),
        ([namespace("b", None)], [holds(1, "b")], True),
        ([namespace(terminating=True)], [holds(1)], True),
    ],
)
def test_served(
    namespaces: list[Namespace], deliveries: list[PullSecretStatus], is_served: bool
) -> None:
    expected = {KEY} if is_served else set()
    assert fully_rolled_out([OLD, NEW], namespaces, deliveries) == expected


def test_a_foreign_secret_is_not_waited_for() -> None:
    foreign = pull_secret_status(
        status=PullSecretState.REFUSED, reason=Reason.FOREIGN_SECRET, logins=()
    )
    assert fully_rolled_out([OLD, NEW], [namespace()], [foreign]) == {KEY}


@pytest.mark.parametrize("reason", [Reason.SECRET_TOO_LARGE, Reason.FORBIDDEN, Reason.MISSING])
def test_whoever_still_holds_the_old_one_is_waited_for(reason: Reason) -> None:
    stuck = pull_secret_status(
        status=PullSecretState.REFUSED, reason=reason, logins=(login(robot_id=1),)
    )
    assert fully_rolled_out([OLD, NEW], [namespace()], [stuck]) == frozenset()


def test_the_same_robot_number_on_another_registry_is_another_robot() -> None:
    other_status = pull_secret_status(logins=(login("other", 2),))
    assert fully_rolled_out([OLD, NEW], [namespace()], [other_status]) == frozenset()


def test_held() -> None:
    mixed_status = pull_secret_status(logins=(login(), login("docker", None)))
    assert robots_by_namespace([mixed_status, holds(7, cluster="us")]) == {
        ("eu", "shop"): {("prod", 1), ("docker", None)},
        ("us", "shop"): {("prod", 7)},
    }


# Deletion of superseded robot accounts.

MINUTE, RETENTION = timedelta(minutes=1), timedelta(minutes=10)
NEWEST = robot_account(3, made_at=NOW + DAY)


def departure(
    left_at: datetime | None = None,
    rotated_at: datetime | None = None,
    workspace: str = "team-a",
    registry: str = "prod",
) -> Departure:
    return Departure(registry=registry, workspace=workspace, left_at=left_at, rotated_at=rotated_at)


def with_rollout(account: RobotAccount, at: datetime) -> RobotAccount:
    return account.model_copy(update={"rolled_out_at": at})


@pytest.mark.parametrize(
    ("grants", "departures", "expected"),
    [
        ((NEW,), (), {}),
        ((OLD, NEW), (), {1: RobotDeletion()}),
        ((OLD, with_rollout(NEW, NOW)), (), {1: RobotDeletion(scheduled_at=NOW + RETENTION)}),
        # the first complete roll-out counts, regardless of later rotations
        (
            (OLD, with_rollout(NEW, NOW), with_rollout(NEWEST, NOW + DAY)),
            (),
            {
                1: RobotDeletion(scheduled_at=NOW + RETENTION),
                2: RobotDeletion(scheduled_at=NOW + DAY + RETENTION),
            },
        ),
        # a namespace left, and the secret is not rotated yet
        (
            (OLD, with_rollout(NEW, NOW)),
            (departure(NOW),),
            {1: RobotDeletion(scheduled_at=NOW + RETENTION)},
        ),
        # NEW is the rotation due to the departure
        ((OLD, NEW), (departure(None, NOW),), {1: RobotDeletion(deadline=NOW + RETENTION)}),
        (
            (OLD, with_rollout(NEW, NOW + MINUTE)),
            (departure(None, NOW),),
            {1: RobotDeletion(scheduled_at=NOW + MINUTE, deadline=NOW + RETENTION)},
        ),
        # NEW was the rotation due to an earlier departure; no namespace that left has it
        (
            (OLD, with_rollout(NEW, NOW), with_rollout(NEWEST, NOW + DAY)),
            (departure(None, NOW),),
            {
                1: RobotDeletion(scheduled_at=NOW, deadline=NOW + RETENTION),
                2: RobotDeletion(scheduled_at=NOW + DAY + RETENTION),
            },
        ),
        (
            (OLD, NEW),
            (departure(None, NOW, "team-b"), departure(None, NOW, registry="x")),
            {1: RobotDeletion()},
        ),
        (
            (robot_account(7, workspace=""), robot_account(8, workspace="", made_at=NOW + DAY)),
            (),
            {},
        ),
    ],
)
def test_when_superseded_robots_go(
    grants: tuple[RobotAccount, ...],
    departures: tuple[Departure, ...],
    expected: dict[int, RobotDeletion],
) -> None:
    pending_retirements = schedule_robot_deletions(grants, departures, RETENTION)
    assert {id: retirement for (_, id), retirement in pending_retirements.items()} == expected
    assert pending_retirements == schedule_robot_deletions(reversed(grants), departures, RETENTION)


def test_whether_it_is_time() -> None:
    assert not RobotDeletion().is_due(NOW)
    assert RobotDeletion(scheduled_at=NOW).is_due(NOW)
    assert not RobotDeletion(scheduled_at=NOW).is_overdue(NOW + DAY)
    assert not RobotDeletion(scheduled_at=NOW + MINUTE).is_due(NOW)
    last = RobotDeletion(scheduled_at=NOW + DAY, deadline=NOW)
    assert (last.is_due(NOW), last.is_overdue(NOW), last.is_due(NOW - MINUTE)) == (
        True,
        True,
        False,
    )
    assert (last.is_exposed, RobotDeletion(scheduled_at=NOW).is_exposed) == (True, False)


@pytest.mark.parametrize(
    ("departure", "due_at"),
    [
        (departure(), None),
        (departure(None, NOW), None),
        (departure(NOW), NOW),
        (departure(NOW, NOW - MINUTE), NOW + 14 * MINUTE),  # saved, and done later
        (departure(NOW, NOW - 15 * MINUTE), NOW),
        (departure(NOW, NOW - DAY), NOW),
    ],
)
def test_when_a_departure_is_answered(departure: Departure, due_at: datetime | None) -> None:
    assert departure.due_at == due_at
    assert copied_login_expiry(departure, RETENTION) == (due_at + RETENTION if due_at else None)
    if due_at is not None:
        assert departure_rotations([OLD], [departure], due_at) == {KEY}
        assert departure_rotations([OLD], [departure], due_at - MINUTE) == frozenset()
    assert (
        departure_rotations([robot_account(workspace="team-b")], [departure], NOW + DAY)
        == frozenset()
    )


def test_registries_on_which_something_is_to_be_done_now() -> None:
    def registries_due(
        *grants: RobotAccount, departures: tuple[Departure, ...] = ()
    ) -> frozenset[str]:
        return registries_with_due_robots(grants, departures, RETENTION, NOW)

    assert registries_due(OLD, NEW) == frozenset()
    assert registries_due(OLD, with_rollout(NEW, NOW - RETENTION)) == {"prod"}
    assert registries_due(OLD, with_rollout(NEW, NOW - RETENTION + MINUTE)) == frozenset()
    assert registries_due(OLD, departures=(departure(NOW),)) == {"prod"}
    assert registries_due(OLD, departures=(departure(NOW, NOW - MINUTE),)) == frozenset()
    assert (
        registries_due(OLD, NEW, departures=(departure(None, NEW.secret_created_at),))
        == frozenset()
    )
    assert registries_due(OLD, NEW, departures=(departure(None, NOW - RETENTION),)) == {"prod"}


def test_who_supersedes_another() -> None:
    assert replacement_robots([OLD]) == ()
    assert replacement_robots([NEW, OLD, robot_account(3, workspace="team-b")]) == (NEW,)
    assert (
        replacement_robots([robot_account(7, workspace=""), robot_account(8, workspace="")]) == ()
    )


@pytest.mark.parametrize(
    ("before", "left_at", "rotated_at"),
    [
        (departure(None), NOW, None),
        (departure(None, NOW - DAY), NOW, NOW - DAY),
        (departure(NOW - DAY), NOW - DAY, None),  # the first counts
        (departure(NOW - DAY, NOW - 2 * DAY), NOW - DAY, NOW - 2 * DAY),
    ],
)
def test_a_namespace_leaves(
    before: Departure, left_at: datetime, rotated_at: datetime | None
) -> None:
    after = before.leave(NOW)
    assert (after.left_at, after.rotated_at) == (left_at, rotated_at)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (departure(None), departure(None)),  # a rotation that nobody left for
        (departure(None, NOW - DAY), departure(None, NOW - DAY)),
        (departure(NOW - MINUTE), departure(None, NOW)),
        (departure(NOW - MINUTE, NOW - DAY), departure(None, NOW)),
    ],
)
def test_a_new_secret_answers_a_departure(before: Departure, expected: Departure) -> None:
    assert before.rotate(NOW) == expected


@pytest.mark.parametrize(
    ("accounts", "holders", "expected"),
    [
        ([OLD], [1], []),  # no replacement
        ([NEW], [2], []),  # its predecessor is deleted
        ([OLD, NEW], [1], []),
        ([OLD, NEW], [2], [NEW]),
        ([OLD, with_rollout(NEW, NOW)], [2], []),  # known already
    ],
)
def test_who_has_reached_every_namespace_now(
    accounts: list[RobotAccount], holders: list[int], expected: list[RobotAccount]
) -> None:
    pull_secrets = [holds(robot_id) for robot_id in holders]
    assert newly_rolled_out(accounts, [namespace()], pull_secrets) == tuple(expected)


def test_who_has_not_reached_every_namespace_yet() -> None:
    assert pending_rollouts([OLD]) == pending_rollouts([OLD, with_rollout(NEW, NOW)]) == ()
    assert pending_rollouts([OLD, NEW]) == (NEW,)


def test_due_for_rotation_on_every_registry() -> None:
    other = robot_account(3, registry="other", made_at=NOW - DAY)
    second = robot_account(4, workspace="team-b", made_at=NOW - 2 * DAY)
    assert due_for_rotation([OLD, other, second, robot_account(5, registry="third")], DAY, NOW) == {
        "other": {"team-a"},
        "prod": {"team-a", "team-b"},
    }


FIRST_ROBOT, NEW_ROBOT = robot_account(1), create_robot("a", number=2)


@pytest.mark.parametrize(
    ("robot_accounts", "results", "expected"),
    [
        ([], [], False),
        ([FIRST_ROBOT], [], False),
        (
            [FIRST_ROBOT, robot_account(2, workspace="team-b"), robot_account(3, workspace="")],
            [],
            False,
        ),
        ([FIRST_ROBOT, robot_account(2)], [], True),
        ([FIRST_ROBOT, robot_account(2)], [success(delete_robot(1))], False),
        ([FIRST_ROBOT, robot_account(2)], [failure(delete_robot(1))], True),
        ([], [success(NEW_ROBOT)], False),
        ([FIRST_ROBOT], [success(NEW_ROBOT)], True),
        ([FIRST_ROBOT], [failure(NEW_ROBOT)], True),  # its robot account may have been saved before
        ([FIRST_ROBOT], [success(delete_robot(1)), success(NEW_ROBOT)], False),
    ],
)
def test_a_workspace_with_two_robots_has_a_superseded_one(
    robot_accounts: list[RobotAccount], results: list[ChangeResult], expected: bool
) -> None:
    assert has_superseded_robots(robot_accounts, results) is expected
