"""What is on record about access, held against a look; and how changes are told."""

from datetime import timedelta

import pytest

from models.access.robot_state import AccessRecord
from models.core.availability import Seen, Unseen
from models.core.reasons import Reason
from models.registries.changes import difference, spaces_told
from models.registries.observation import NOT_ASKED, Snapshot
from models.registries.robot_plan import GrantPlan
from models.registries.robots import Grant, ObservedRobot
from tests.support.access_builders import US, edited, grant, made, robot, robots
from tests.support.builders import NOW, seen, snapshot, unseen

OLD, NEW = grant(1, "a"), grant(2, "a", made_at=NOW + timedelta(days=1))
BOUND: dict[str, tuple[str, ...]] = {"team-a": ("a",)}


def record(*grants: Grant, bound: dict[str, tuple[str, ...]] = BOUND) -> AccessRecord:
    return AccessRecord(registry="prod", installation=US, bound=bound, grants=grants)


def look(
    found: Seen[ObservedRobot] | Unseen | None = None, *, edits: bool = True, spaces: bool = True
) -> Snapshot:
    base = snapshot(seen("a"), seen("b")) if spaces else snapshot(instead=unseen())
    update = {"robots": found or robots(robot(1, "a")), "edits_robots": edits}
    return base.model_copy(update=update)


def test_agreement() -> None:
    assert record(OLD).plan(look()) == GrantPlan()


def test_one_more_binding() -> None:
    found = record(OLD, bound={"team-a": ("b", "a")}).plan(look())
    assert found == GrantPlan(changes=(edited(1, ("a",), ("a", "b")),))


def test_bindings_that_are_held_from_now_on_are_not_granted() -> None:
    bound: dict[str, tuple[str, ...]] = {"team-a": ("a", "b")}
    on_record = record(grant(1, "a", "b"), bound=bound)
    found = look(robots(robot(1, "b")))  # Harbor shows no right on a project that is gone
    assert on_record.without({"a": "made again"}).plan(found).changes == ()
    assert on_record.without({}).plan(found).changes == (edited(1, ("b",), ("a", "b")),)


def test_one_more_binding_where_robots_cannot_be_edited() -> None:
    found = record(OLD, bound={"team-a": ("b", "a")}).plan(look(edits=False))
    assert found == GrantPlan(changes=(made("a", "b", number=2, before=("a",)),))


@pytest.mark.parametrize("found", [look(unseen()), look(spaces=False)])
def test_unseen_robots_or_spaces_justify_nothing(found: Snapshot) -> None:
    """Without the list of spaces every space would be missing."""
    assert record(OLD).plan(found) == GrantPlan()
    assert record(OLD, bound={}).plan(found) == GrantPlan()


def test_rotate_and_served_are_passed_on() -> None:
    asked = record(OLD).model_copy(update={"rotate": frozenset({"team-a"})})
    expected = made("a", number=2, before=("a",), reason=Reason.ROTATED)
    assert asked.plan(look()).changes == (expected,)
    second = robot(2, "a", login=f"robot${expected.name}")
    both = record(OLD, NEW.model_copy(update={"login": second.login}))
    look_again = look(robots(robot(1, "a"), second))
    assert both.plan(look_again).changes == ()
    update = {"served": frozenset({"team-a"}), "retired": frozenset({1})}
    done = both.model_copy(update=update)
    assert [one.kind for one in done.plan(look_again).changes] == ["revoke-grant"]


def test_departures_are_passed_on() -> None:
    left = record(OLD).model_copy(update={"leaving": frozenset({"team-a"})})
    expected = made("a", number=2, before=("a",), reason=Reason.NAMESPACE_LEFT)
    assert left.plan(look()).changes == (expected,)
    second = robot(2, "a", login=f"robot${expected.name}")
    both = record(OLD, NEW.model_copy(update={"login": second.login}))
    update = {"exposed": frozenset({1}), "overdue": frozenset({1})}
    (change,) = both.model_copy(update=update).plan(look(robots(robot(1, "a"), second))).changes
    assert (change.kind, change.reason) == ("revoke-grant", Reason.NAMESPACE_LEFT)


@pytest.mark.parametrize(
    ("grants", "bound", "concerned"),
    [
        ((), {}, False),
        ((grant(9, workspace=""),), {}, False),  # the observer
        ((OLD,), {}, True),
        ((), BOUND, True),
    ],
)
def test_robots_that_concern_nobody_are_not_missed(
    grants: tuple[Grant, ...], bound: dict[str, tuple[str, ...]], concerned: bool
) -> None:
    one = record(*grants, bound=bound)
    assert one.concerned is concerned
    hidden = look(unseen())
    assert one.asked(hidden).robots == (unseen() if concerned else NOT_ASKED)
    assert one.asked(look()) == look()


def test_the_observer_is_the_youngest_of_its_kind() -> None:
    older, observer = grant(3, workspace=""), grant(4, workspace="")
    assert record(OLD, NEW).observer is None
    assert record(OLD, observer, older).observer == observer


@pytest.mark.parametrize(
    ("grants", "waiting"),
    [
        ((), ()),
        ((OLD,), ()),
        ((OLD, NEW), (NEW,)),
        ((OLD, NEW, grant(3, workspace="team-b")), (NEW,)),
    ],
)
def test_who_waits_for_an_older_one_to_go(
    grants: tuple[Grant, ...], waiting: tuple[Grant, ...]
) -> None:
    assert record(*grants).waiting == waiting


@pytest.mark.parametrize(
    ("found", "hidden"),
    [
        (look(), None),
        (snapshot(seen()), None),  # robots were not asked for
        (look(unseen()), unseen()),
        (look(spaces=False), unseen()),
        (look(unseen(message="robots"), spaces=False), unseen()),  # the first
    ],
)
def test_hidden(found: Snapshot, hidden: Unseen | None) -> None:
    assert found.hidden == hidden


MANY = tuple(f"s{number:02}" for number in range(12))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((), (), ""),
        (("a",), ("a",), ""),
        ((), ("b", "a"), "+a +b"),
        (("a", "b"), ("b", "c"), "+c -a"),
        (MANY[:10], (), " ".join(f"-{name}" for name in MANY[:10])),
        ((), MANY, " ".join(f"+{name}" for name in MANY[:10]) + " +2 more"),
        (MANY, ("z",), "+z " + " ".join(f"-{name}" for name in MANY[:10]) + " -2 more"),
    ],
)
def test_difference(before: tuple[str, ...], after: tuple[str, ...], told: str) -> None:
    assert difference(before, after) == told


@pytest.mark.parametrize(
    ("spaces", "told"), [((), ""), (MANY[:3], "s00, s01, s02"), (MANY, "12 spaces")]
)
def test_spaces_told(spaces: tuple[str, ...], told: str) -> None:
    assert spaces_told(spaces) == told


def test_a_space_that_harbor_shows_a_right_on_is_there_whatever_a_list_says() -> None:
    bound: dict[str, tuple[str, ...]] = {"team-a": ("a", "c")}
    found = look(robots(robot(1, "a", "c")))
    assert record(grant(1, "a", "c"), bound=bound).plan(found) == GrantPlan()
