"""When secrets are too old, and when the robot accounts they belong to may go."""

from datetime import datetime, timedelta

import pytest

from models.access.rotation import (
    Departure,
    Retirement,
    copies_end,
    held_robots,
    leaving,
    overdue,
    pressing,
    retirements,
    served,
    superseding,
    youngest,
)
from models.clusters.membership import Namespace
from models.clusters.pull_secret import Delivery, DeliveryStatus
from models.core.reasons import Reason
from models.registries.robots import Grant
from tests.support.access_builders import delivery, grant, login, namespace
from tests.support.builders import NOW

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


# When superseded robot accounts go.

MINUTE, KEPT = timedelta(minutes=1), timedelta(minutes=10)
NEWEST = grant(3, made_at=NOW + DAY)


def left(
    left_at: datetime | None = None,
    rotated_at: datetime | None = None,
    workspace: str = "team-a",
    registry: str = "prod",
) -> Departure:
    return Departure(registry=registry, workspace=workspace, left_at=left_at, rotated_at=rotated_at)


def rolled_out(one: Grant, at: datetime) -> Grant:
    return one.model_copy(update={"rolled_out_at": at})


@pytest.mark.parametrize(
    ("grants", "departures", "expected"),
    [
        ((NEW,), (), {}),
        ((OLD, NEW), (), {1: Retirement()}),
        ((OLD, rolled_out(NEW, NOW)), (), {1: Retirement(at=NOW + KEPT)}),
        # by the first that reached every namespace, however often there is another
        (
            (OLD, rolled_out(NEW, NOW), rolled_out(NEWEST, NOW + DAY)),
            (),
            {1: Retirement(at=NOW + KEPT), 2: Retirement(at=NOW + DAY + KEPT)},
        ),
        # somebody left, and nothing was made because of it so far
        ((OLD, rolled_out(NEW, NOW)), (left(NOW),), {1: Retirement(at=NOW + KEPT)}),
        # NEW is the answer
        ((OLD, NEW), (left(None, NOW),), {1: Retirement(deadline=NOW + KEPT)}),
        (
            (OLD, rolled_out(NEW, NOW + MINUTE)),
            (left(None, NOW),),
            {1: Retirement(at=NOW + MINUTE, deadline=NOW + KEPT)},
        ),
        # NEW was the answer to a former departure, and nobody who left knows it
        (
            (OLD, rolled_out(NEW, NOW), rolled_out(NEWEST, NOW + DAY)),
            (left(None, NOW),),
            {1: Retirement(at=NOW, deadline=NOW + KEPT), 2: Retirement(at=NOW + DAY + KEPT)},
        ),
        ((OLD, NEW), (left(None, NOW, "team-b"), left(None, NOW, registry="x")), {1: Retirement()}),
        ((grant(7, workspace=""), grant(8, workspace="", made_at=NOW + DAY)), (), {}),
    ],
)
def test_when_superseded_robots_go(
    grants: tuple[Grant, ...], departures: tuple[Departure, ...], expected: dict[int, Retirement]
) -> None:
    found = retirements(grants, departures, KEPT)
    assert {id: one for (_, id), one in found.items()} == expected
    assert found == retirements(reversed(grants), departures, KEPT)


def test_whether_it_is_time() -> None:
    assert not Retirement().due(NOW)
    assert Retirement(at=NOW).due(NOW)
    assert not Retirement(at=NOW).overdue(NOW + DAY)
    assert not Retirement(at=NOW + MINUTE).due(NOW)
    last = Retirement(at=NOW + DAY, deadline=NOW)
    assert (last.due(NOW), last.overdue(NOW), last.due(NOW - MINUTE)) == (True, True, False)
    assert (last.exposed, Retirement(at=NOW).exposed) == (True, False)


@pytest.mark.parametrize(
    ("departure", "due_at"),
    [
        (left(), None),
        (left(None, NOW), None),
        (left(NOW), NOW),
        (left(NOW, NOW - MINUTE), NOW + 14 * MINUTE),  # it is remembered, and done later
        (left(NOW, NOW - 15 * MINUTE), NOW),
        (left(NOW, NOW - DAY), NOW),
    ],
)
def test_when_a_departure_is_answered(departure: Departure, due_at: datetime | None) -> None:
    assert departure.due_at == due_at
    assert copies_end(departure, KEPT) == (due_at + KEPT if due_at else None)
    if due_at is not None:
        assert leaving([OLD], [departure], due_at) == {KEY}
        assert leaving([OLD], [departure], due_at - MINUTE) == frozenset()
    assert leaving([grant(workspace="team-b")], [departure], NOW + DAY) == frozenset()


def test_registries_on_which_something_is_to_be_done_now() -> None:
    def at(*grants: Grant, departures: tuple[Departure, ...] = ()) -> frozenset[str]:
        return pressing(grants, departures, KEPT, NOW)

    assert at(OLD, NEW) == frozenset()
    assert at(OLD, rolled_out(NEW, NOW - KEPT)) == {"prod"}
    assert at(OLD, rolled_out(NEW, NOW - KEPT + MINUTE)) == frozenset()
    assert at(OLD, departures=(left(NOW),)) == {"prod"}
    assert at(OLD, departures=(left(NOW, NOW - MINUTE),)) == frozenset()
    assert at(OLD, NEW, departures=(left(None, NEW.made_at),)) == frozenset()
    assert at(OLD, NEW, departures=(left(None, NOW - KEPT),)) == {"prod"}


def test_who_supersedes_another() -> None:
    assert superseding([OLD]) == ()
    assert superseding([NEW, OLD, grant(3, workspace="team-b")]) == (NEW,)
    assert superseding([grant(7, workspace=""), grant(8, workspace="")]) == ()
