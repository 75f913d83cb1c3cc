"""When secrets are too old, and when the robot accounts they belong to may go."""

from datetime import timedelta

import pytest

from models.delivery import Delivery, DeliveryStatus
from models.membership import Namespace
from models.reason import Reason
from models.rotation import held_robots, overdue, served, youngest
from tests.access_builders import delivery, grant, login, namespace
from tests.builders import NOW

DAY = timedelta(days=1)
OLD, NEW = grant(1, made_at=NOW - DAY), grant(2, made_at=NOW)
KEY = ("prod", "team-a")


def holds(robot: int | None, name: str = "shop", **more: str) -> Delivery:
    logins = (login(robot_id=robot),) if robot is not None else ()
    return delivery(name, logins=logins, **more)  # type: ignore[arg-type]


def test_the_youngest() -> None:
    assert youngest([]) == {}
    assert youngest([OLD, NEW]) == youngest([NEW, OLD]) == {KEY: NEW}
    tie = grant(2, made_at=OLD.made_at)
    assert youngest([tie, OLD]) == {KEY: tie}
    others = [grant(3, workspace="team-b"), grant(4, registry="other")]
    assert len(youngest([OLD, *others])) == 3


@pytest.mark.parametrize(
    ("age", "due"),
    [(None, set()), (2 * DAY, set()), (DAY, {"team-a"}), (DAY / 2, {"team-a"})],
)
def test_overdue(age: timedelta | None, due: set[str]) -> None:
    assert overdue([OLD], age, NOW) == due


def test_a_young_one_beside_an_old_one_is_not_overdue() -> None:
    assert overdue([OLD, NEW], DAY, NOW) == frozenset()


def test_the_observer_is_not_rotated_with_workspaces() -> None:
    assert overdue([grant(1, workspace="", made_at=NOW - DAY)], DAY, NOW) == frozenset()


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
        # Another cluster that is out of reach holds what it held.
        ([namespace(), namespace(cluster="us")], [holds(2), holds(1, cluster="us")], False),
        ([namespace(), namespace(cluster="us")], [holds(2), holds(2, cluster="us")], True),
        ([namespace("b", "team-b")], [holds(1, "b")], True),
        ([namespace("b", None)], [holds(1, "b")], True),
        ([namespace(terminating=True)], [holds(1)], True),
    ],
)
def test_served(namespaces: list[Namespace], deliveries: list[Delivery], is_served: bool) -> None:
    expected = {KEY} if is_served else set()
    assert served([OLD, NEW], namespaces, deliveries) == expected


def test_a_foreign_secret_is_not_waited_for() -> None:
    foreign = delivery(status=DeliveryStatus.REFUSED, reason=Reason.FOREIGN_SECRET, logins=())
    assert served([OLD, NEW], [namespace()], [foreign]) == {KEY}


@pytest.mark.parametrize("reason", [Reason.SECRET_TOO_LARGE, Reason.FORBIDDEN, Reason.DUE])
def test_whoever_still_holds_the_old_one_is_waited_for(reason: Reason) -> None:
    stuck = delivery(status=DeliveryStatus.REFUSED, reason=reason, logins=(login(robot_id=1),))
    assert served([OLD, NEW], [namespace()], [stuck]) == frozenset()


def test_the_same_robot_number_on_another_registry_is_another_robot() -> None:
    elsewhere = delivery(logins=(login("other", 2),))
    assert served([OLD, NEW], [namespace()], [elsewhere]) == frozenset()


def test_held() -> None:
    one = delivery(logins=(login(), login("docker", None)))
    assert held_robots([one, holds(7, cluster="us")]) == {
        ("eu", "shop"): {("prod", 1), ("docker", None)},
        ("us", "shop"): {("prod", 7)},
    }
