"""The records about access, compared with an observation; and summaries of changes."""

from datetime import datetime, timedelta

import pytest

from models.access.robot_state import RobotState
from models.access.rotation import Departure, blocked_robot_ids
from models.clusters.pull_secret import PullSecretState
from models.core.availability import Complete, Unavailable
from models.core.reasons import Reason
from models.registries.changes import summarize_difference, summarize_spaces
from models.registries.observation import NOT_REQUESTED, Snapshot
from models.registries.robot_plan import RobotPlan, RotationState
from models.registries.robots import ObservedRobot, RobotAccount
from tests.support.access_builders import (
    INSTALLATION_ID,
    create_robot,
    login,
    namespace,
    pull_secret_status,
    robot,
    robot_account,
    robots,
    update_robot,
)
from tests.support.builders import NOW, observed_space, snapshot, unavailable

OLD, NEW = robot_account(1, "a"), robot_account(2, "a", made_at=NOW + timedelta(days=1))
BOUND: dict[str, tuple[str, ...]] = {"team-a": ("a",)}


def record(*grants: RobotAccount, bound: dict[str, tuple[str, ...]] = BOUND) -> RobotState:
    return RobotState(
        registry="prod", installation=INSTALLATION_ID, bound_spaces=bound, robots=grants
    )


def observation(
    observed_robots: Complete[ObservedRobot] | Unavailable | None = None,
    *,
    edits: bool = True,
    spaces: bool = True,
) -> Snapshot:
    base = (
        snapshot(observed_space("a"), observed_space("b"))
        if spaces
        else snapshot(instead=unavailable())
    )
    update = {"robots": observed_robots or robots(robot(1, "a")), "can_update_robots": edits}
    return base.model_copy(update=update)


def test_agreement() -> None:
    assert record(OLD).plan(observation()) == RobotPlan()


def test_one_more_binding() -> None:
    robot_plan = record(OLD, bound={"team-a": ("b", "a")}).plan(observation())
    assert robot_plan == RobotPlan(changes=(update_robot(1, ("a",), ("a", "b")),))


def test_bindings_that_are_held_from_now_on_are_not_granted() -> None:
    bound: dict[str, tuple[str, ...]] = {"team-a": ("a", "b")}
    robot_state = record(robot_account(1, "a", "b"), bound=bound)
    current = observation(robots(robot(1, "b")))  # Harbor lists no permissions for deleted projects
    assert robot_state.without_spaces({"a": "made again"}).plan(current).changes == ()
    assert robot_state.without_spaces({}).plan(current).changes == (
        update_robot(1, ("b",), ("a", "b")),
    )


def test_one_more_binding_where_robots_cannot_be_edited() -> None:
    robot_plan = record(OLD, bound={"team-a": ("b", "a")}).plan(observation(edits=False))
    assert robot_plan == RobotPlan(changes=(create_robot("a", "b", number=2, before=("a",)),))


@pytest.mark.parametrize("current", [observation(unavailable()), observation(spaces=False)])
def test_unseen_robots_or_spaces_justify_nothing(current: Snapshot) -> None:
    """Without the list of spaces, all spaces would be missing."""
    assert record(OLD).plan(current) == RobotPlan()
    assert record(OLD, bound={}).plan(current) == RobotPlan()


def test_rotate_and_served_are_passed_on() -> None:
    rotation_state = record(OLD).model_copy(update={"requested_rotations": frozenset({"team-a"})})
    expected = create_robot("a", number=2, before=("a",), reason=Reason.ROTATED)
    assert rotation_state.plan(observation()).changes == (expected,)
    second = robot(2, "a", login=f"robot${expected.name}")
    both_robots = record(OLD, NEW.model_copy(update={"login": second.login}))
    second_observation = observation(robots(robot(1, "a"), second))
    assert both_robots.plan(second_observation).changes == ()
    update = {"rolled_out": frozenset({"team-a"}), "expired_robot_ids": frozenset({1})}
    rolled_out_state = both_robots.model_copy(update=update)
    assert [change.kind for change in rolled_out_state.plan(second_observation).changes] == [
        "revoke-grant"
    ]


def test_departures_are_passed_on() -> None:
    departure_state = record(OLD).model_copy(update={"departure_rotations": frozenset({"team-a"})})
    expected = create_robot("a", number=2, before=("a",), reason=Reason.NAMESPACE_LEFT)
    assert departure_state.plan(observation()).changes == (expected,)
    second = robot(2, "a", login=f"robot${expected.name}")
    both_robots = record(OLD, NEW.model_copy(update={"login": second.login}))
    update = {"exposed_robot_ids": frozenset({1}), "overdue_robot_ids": frozenset({1})}
    (change,) = (
        both_robots.model_copy(update=update)
        .plan(observation(robots(robot(1, "a"), second)))
        .changes
    )
    assert (change.kind, change.reason) == ("revoke-grant", Reason.NAMESPACE_LEFT)


@pytest.mark.parametrize(("blocked", "overdue"), [(frozenset(), {1}), (frozenset({1}), set())])
def test_a_robot_that_namespaces_cannot_replace_is_not_deleted_at_its_deadline(
    blocked: frozenset[int], overdue: set[int]
) -> None:
    left = Departure(registry="prod", workspace="team-a", rotated_at=NOW + timedelta(days=1))
    pull_secrets = tuple(
        pull_secret_status(
            "a", PullSecretState.PENDING, Reason.CREDENTIALS_MISSING, logins=(login(robot_id=id),)
        )
        for id in blocked
    )
    state = record(OLD, NEW).model_copy(
        update={
            "departures": (left,),
            "pull_secrets": pull_secrets,
            "namespaces": (namespace("a"),),
        }
    )
    scheduled = state.schedule(timedelta(minutes=10), NOW + timedelta(days=2))
    assert scheduled.overdue_robot_ids == overdue
    assert scheduled.exposed_robot_ids == {1}


@pytest.mark.parametrize(
    ("grants", "bound", "in_use"),
    [
        ((), {}, False),
        ((robot_account(9, workspace=""),), {}, False),  # the observer
        ((OLD,), {}, True),
        ((), BOUND, True),
    ],
)
def test_robots_that_concern_nobody_are_not_missed(
    grants: tuple[RobotAccount, ...], bound: dict[str, tuple[str, ...]], in_use: bool
) -> None:
    robot_state = record(*grants, bound=bound)
    assert robot_state.in_use is in_use
    without_robots = observation(unavailable())
    assert robot_state.ignore_unneeded_robots(without_robots).robots == (
        unavailable() if in_use else NOT_REQUESTED
    )
    assert robot_state.ignore_unneeded_robots(observation()) == observation()


def test_the_observer_is_the_youngest_of_its_kind() -> None:
    older, observer = robot_account(3, workspace=""), robot_account(4, workspace="")
    assert record(OLD, NEW).observer is None
    assert record(OLD, observer, older).observer == observer


@pytest.mark.parametrize(
    ("grants", "waiting"),
    [
        ((), ()),
        ((OLD,), ()),
        ((OLD, NEW), (NEW,)),
        ((OLD, NEW, robot_account(3, workspace="team-b")), (NEW,)),
    ],
)
def test_who_waits_for_an_older_one_to_go(
    grants: tuple[RobotAccount, ...], waiting: tuple[RobotAccount, ...]
) -> None:
    assert record(*grants).replacements == waiting


@pytest.mark.parametrize(
    ("current", "first_unavailable"),
    [
        (observation(), None),
        (snapshot(observed_space()), None),  # robots were not requested
        (observation(unavailable()), unavailable()),
        (observation(spaces=False), unavailable()),
        (observation(unavailable(message="robots"), spaces=False), unavailable()),  # the first
    ],
)
def test_hidden(current: Snapshot, first_unavailable: Unavailable | None) -> None:
    assert current.first_unavailable == first_unavailable


MANY_SPACES = tuple(f"s{number:02}" for number in range(12))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((), (), ""),
        (("a",), ("a",), ""),
        ((), ("b", "a"), "+a +b"),
        (("a", "b"), ("b", "c"), "+c -a"),
        (MANY_SPACES[:10], (), " ".join(f"-{name}" for name in MANY_SPACES[:10])),
        ((), MANY_SPACES, " ".join(f"+{name}" for name in MANY_SPACES[:10]) + " +2 more"),
        (
            MANY_SPACES,
            ("z",),
            "+z " + " ".join(f"-{name}" for name in MANY_SPACES[:10]) + " -2 more",
        ),
    ],
)
def test_difference(before: tuple[str, ...], after: tuple[str, ...], expected: str) -> None:
    assert summarize_difference(before, after) == expected


@pytest.mark.parametrize(
    ("spaces", "expected"),
    [((), ""), (MANY_SPACES[:3], "s00, s01, s02"), (MANY_SPACES, "12 spaces")],
)
def test_spaces_told(spaces: tuple[str, ...], expected: str) -> None:
    assert summarize_spaces(spaces) == expected


def test_a_space_that_harbor_shows_a_right_on_is_there_whatever_a_list_says() -> None:
    bound: dict[str, tuple[str, ...]] = {"team-a": ("a", "c")}
    current = observation(robots(robot(1, "a", "c")))
    assert record(robot_account(1, "a", "c"), bound=bound).plan(current) == RobotPlan()


def scheduled(robot_state: RobotState, now: datetime = NOW) -> dict[str, frozenset[object]]:
    """The parts of a schedule that are not empty, without the robot accounts with new secrets."""
    schedule = robot_state.schedule(timedelta(minutes=10), now)
    parts = {name: getattr(schedule, name) for name in RotationState.model_fields}
    return {name: value for name, value in parts.items() if value and "recent" not in name}


LEFT = Departure(registry="prod", workspace="team-a", left_at=NOW)
ROTATED = Departure(registry="prod", workspace="team-a", rotated_at=NEW.secret_created_at)
ROLLED_OUT = NEW.model_copy(update={"rolled_out_at": NEW.secret_created_at})


@pytest.mark.parametrize(
    ("accounts", "departures", "minutes", "expected"),
    [
        ((OLD,), (), 0, {}),
        ((OLD, NEW), (), 60, {}),  # not rolled out: the old one is kept
        ((OLD, ROLLED_OUT), (), 9, {"rolled_out": {"team-a"}}),
        ((OLD, ROLLED_OUT), (), 10, {"rolled_out": {"team-a"}, "expired_robot_ids": {1}}),
        ((OLD,), (LEFT,), 0, {"departure_rotations": {"team-a"}}),
        ((OLD, NEW), (ROTATED,), 9, {"exposed_robot_ids": {1}}),
        (
            (OLD, NEW),
            (ROTATED,),
            10,
            {"exposed_robot_ids": {1}, "expired_robot_ids": {1}, "overdue_robot_ids": {1}},
        ),
    ],
)
def test_what_is_due_on_the_robot_accounts(
    accounts: tuple[RobotAccount, ...],
    departures: tuple[Departure, ...],
    minutes: int,
    expected: dict[str, set[object]],
) -> None:
    """Minutes count from the creation of the new secret."""
    robot_state = record(*accounts).model_copy(update={"departures": departures})
    now = NEW.secret_created_at + timedelta(minutes=minutes)
    assert scheduled(robot_state, now) == expected


def test_who_asks_for_a_new_secret_gets_one() -> None:
    schedule = record(OLD).schedule(timedelta(0), NOW, frozenset({"team-a"}))
    assert schedule.requested_rotations == {"team-a"}


# A robot account that Harbor reports as updated may have another secret than on record.

MADE, UPDATED = NOW - timedelta(hours=1), NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("account", "observed", "unproved"),
    [
        (robot_account(1, created_at=MADE), robot(1, updated_at=MADE), False),
        (robot_account(1, created_at=MADE), robot(1, updated_at=UPDATED), True),
        (robot_account(1, created_at=MADE), robot(1), False),
        (robot_account(1), robot(1, updated_at=MADE), True),
        (robot_account(1, proved_at=UPDATED), robot(1, updated_at=UPDATED), False),
        (robot_account(1, proved_at=UPDATED), robot(1, updated_at=MADE), True),  # a restored Harbor
        (robot_account(1, proved_at=MADE), robot(1, updated_at=UPDATED, disabled=True), False),
        (robot_account(1, proved_at=MADE), robot(1, updated_at=UPDATED, expires=True), False),
        (robot_account(1, workspace=""), robot(1, updated_at=UPDATED, workspace=""), False),
        (robot_account(2), robot(1, updated_at=UPDATED), False),
    ],
)
def test_secrets_to_try(account: RobotAccount, observed: ObservedRobot, unproved: bool) -> None:
    expected = (observed,) if unproved else ()
    assert record(account).unproved_robots(observation(robots(observed))) == expected


def test_only_the_secret_in_use_is_tried() -> None:
    both = robots(robot(1, updated_at=UPDATED), robot(2, updated_at=UPDATED))
    assert record(OLD, NEW).unproved_robots(observation(both)) == both.items[1:]
    section = observation().model_copy(update={"robots": unavailable()})
    assert record(OLD).unproved_robots(section) == ()


@pytest.mark.parametrize(("minutes", "recent"), [(0, {2}), (14.9, {2}), (15, set())])
def test_a_new_secret_is_recent_for_some_minutes(minutes: float, recent: set[int]) -> None:
    now = NEW.secret_created_at + timedelta(minutes=minutes)
    schedule = record(OLD, NEW).schedule(timedelta(minutes=10), now)
    assert schedule.recent_robot_ids == recent


def test_robots_in_pull_secrets_that_cannot_be_written() -> None:
    pending = PullSecretState.PENDING, Reason.CREDENTIALS_MISSING
    pull_user = login("images", None, account="pull")
    pull_secrets = (
        pull_secret_status("a", logins=(login(robot_id=1),)),
        pull_secret_status("b", *pending, logins=(login(robot_id=2), pull_user)),
        pull_secret_status("c", *pending, logins=(login("other", 3),)),
    )
    accounts = [robot_account(id) for id in (1, 2, 3)]
    members = [namespace(name) for name in "abc"]
    assert blocked_robot_ids(pull_secrets, accounts, members) == {2}
    members[1] = namespace("b", "team-b")  # it left the workspace of the robot account
    assert blocked_robot_ids(pull_secrets, accounts, members) == set()
