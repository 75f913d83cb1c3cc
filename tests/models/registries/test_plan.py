"""Plans: safety limits, order, safe subset, and serialization."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.core.limits import ChangeLimits
from models.core.reasons import Reason
from models.core.runs.counts import count_changes
from models.registries.changes import Change, Drift, DriftAction, DriftKind
from models.registries.plan import Plan, order_changes
from models.registries.robot_plan import RobotPlan
from tests.support.access_builders import create_robot, delete_robot, robot_account, update_robot
from tests.support.builders import NOW, create, exceeded_message, narrow, space, widen


def _plan(
    *changes: Change, spaces: int = 100, expired_count: int = 0, drifts: tuple[Drift, ...] = ()
) -> Plan:
    return Plan(
        registry="prod",
        created_at=NOW,
        changes=changes,
        drifts=drifts,
        expired_spaces=tuple(f"r{number}" for number in range(expired_count)),
        space_count=spaces,
    )


def _drift(kind: DriftKind, handling: DriftAction) -> Drift:
    return Drift(kind=kind, space="a", before="x", after="y", action=handling, reason="why")


@pytest.mark.parametrize(
    ("narrowed", "spaces", "refused"),
    [
        (0, 0, False),
        (9, 9, False),  # below min_count the share does not matter
        (10, 33, True),  # 30.3 %
        (10, 34, False),  # 29.4 %
        (30, 100, False),  # exactly max_share
        (31, 100, True),
        (10, 0, True),
    ],
)
@pytest.mark.parametrize("way", ["narrow", "retire"])
def test_brakes(narrowed: int, spaces: int, refused: bool, way: str) -> None:
    changes = [narrow(f"n{number}") for number in range(narrowed)] if way == "narrow" else []
    plan = _plan(*changes, spaces=spaces, expired_count=0 if changes else narrowed)
    if not refused:
        assert plan.exceeded_limit(ChangeLimits()) is None
        return
    message = exceeded_message(plan.exceeded_limit(ChangeLimits()))
    verb = "make private" if changes else "forget"
    assert f"would {verb} {narrowed} of {spaces} spaces" in message
    assert "limit of 30%" in message
    assert "these changes were not made" in message
    assert "'Allow a large change'" in message


def test_brakes_say_the_share() -> None:
    plan = _plan(*(narrow(f"n{number}") for number in range(31)))
    assert re.search(
        r"31 of 100 spaces \(31%\), more than the limit of 30%",
        exceeded_message(plan.exceeded_limit(ChangeLimits())),
    )


def test_widening_and_creating_never_brake() -> None:
    widening = [widen(f"w{number}") for number in range(50)]
    assert (
        _plan(*widening, *(create(f"c{number}") for number in range(50)), spaces=50).exceeded_limit(
            ChangeLimits()
        )
        is None
    )


def test_other_limits() -> None:
    small_plan = _plan(narrow(), spaces=1000)
    assert small_plan.exceeded_limit(ChangeLimits(max_share=0, min_count=2)) is None
    assert small_plan.exceeded_limit(ChangeLimits(max_share=0, min_count=1)) is not None
    assert (
        _plan(*(narrow(str(number)) for number in range(100))).exceeded_limit(
            ChangeLimits(max_share=1)
        )
        is None
    )


def test_what_a_refusal_leaves() -> None:
    enforced = _drift(DriftKind.VISIBILITY, DriftAction.ENFORCED)
    adopted = _drift(DriftKind.VISIBILITY, DriftAction.ADOPTED)
    missing = _drift(DriftKind.MISSING, DriftAction.RECORDED)
    retired = _drift(DriftKind.EXPIRED, DriftAction.RECORDED)
    plan = _plan(narrow(), drifts=(enforced, adopted, missing, retired), expired_count=1)
    plan = plan.model_copy(update={"updated_spaces": (space(),)})
    safe_plan = plan.safe_subset()
    assert (safe_plan.changes, safe_plan.expired_spaces, safe_plan.updated_spaces) == (
        (),
        (),
        (space(),),
    )
    reported = enforced.model_copy(
        update={
            "action": DriftAction.REPORTED,
            "reason": "not changed: the plan exceeds the safety limits",
        }
    )
    assert safe_plan.drifts == (reported, adopted, missing)


def test_narrow_first_then_widen_by_name() -> None:
    changes: list[Change] = [widen("b"), create("a"), narrow("z"), create("c"), narrow("d")]
    assert [(change.subject, change.reduces_access) for change in order_changes(changes)] == [
        ("d", True),
        ("z", True),
        ("a", False),
        ("b", False),
        ("c", False),
    ]


def test_empty() -> None:
    assert _plan().is_empty
    assert not _plan(narrow()).is_empty
    assert not _plan(drifts=(_drift(DriftKind.MISSING, DriftAction.RECORDED),)).is_empty


def test_json_round_trip() -> None:
    drift = _drift(DriftKind.VISIBILITY, DriftAction.ENFORCED)
    plan = _plan(narrow(), widen("b", None), create(), drifts=(drift,), expired_count=2)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


# Robot accounts.


@pytest.mark.parametrize(
    ("deleted_count", "robots", "refused"),
    [(9, 9, False), (10, 34, False), (10, 33, True), (30, 100, False), (31, 100, True)],
)
@pytest.mark.parametrize("reason", [Reason.ORPHANED, Reason.SPACES_MISSING])
def test_the_brake_on_robots(
    deleted_count: int, robots: int, refused: bool, reason: Reason
) -> None:
    """Not requested by a user: the reason is an observed list, which may be wrong."""
    changes = tuple(delete_robot(number, reason=reason) for number in range(deleted_count))
    plan = _plan().with_robot_plan(RobotPlan(changes=changes), robots)
    if not refused:
        assert plan.exceeded_limit(ChangeLimits()) is None
        return
    assert re.search(
        rf"would delete {deleted_count} of {robots} robot accounts",
        exceeded_message(plan.exceeded_limit(ChangeLimits())),
    )


@pytest.mark.parametrize("reason", [Reason.BINDINGS_CHANGED, Reason.SUPERSEDED])
def test_what_was_asked_for_here_does_not_brake(reason: Reason) -> None:
    changes = tuple(delete_robot(number, reason=reason) for number in range(50))
    assert (
        _plan().with_robot_plan(RobotPlan(changes=changes), 50).exceeded_limit(ChangeLimits())
        is None
    )


def test_grants_are_put_in_order_with_the_rest() -> None:
    changes = (
        create_robot("a", workspace="w1"),
        update_robot(2, ("a",), ("a", "b"), workspace="w2"),
        update_robot(3, ("a", "b"), ("b", "c"), workspace="w3"),
        update_robot(4, ("a",), ("a",), workspace="w4", reason=Reason.ROBOT_EDITED),
        delete_robot(5, workspace="w5"),
    )
    robot_plan = RobotPlan(
        changes=changes, updated_robots=(robot_account(3),), deleted_robot_ids=(9,)
    )
    plan = _plan(narrow("z"), widen("a")).with_robot_plan(robot_plan, 7)
    assert [(change.subject, change.reduces_access) for change in plan.changes] == [
        ("w3", True),
        ("w4", True),
        ("w5", True),
        ("z", True),
        ("a", False),
        ("w1", False),
        ("w2", False),
    ]
    assert (plan.updated_robots, plan.deleted_robot_ids, plan.robot_count) == (
        (robot_account(3),),
        (9,),
        7,
    )
    assert not plan.is_empty
    assert plan.creates_robots


def test_no_robots_are_made() -> None:
    assert (
        not _plan(narrow()).with_robot_plan(RobotPlan(changes=(delete_robot(1),)), 1).creates_robots
    )


def test_without_new_robots_only_new_robots_are_left_out() -> None:
    """Unbinding must not wait until a lost key is restored."""
    robot_plan = RobotPlan(
        changes=(create_robot("a"), delete_robot(2), update_robot(3, (), ("a",))),
        deleted_robot_ids=(9,),
    )
    plan = _plan(narrow(), create()).with_robot_plan(robot_plan, 3)
    partial_plan = plan.without_new_robots()
    assert partial_plan.changes == (
        narrow(),
        delete_robot(2),
        create(),
        update_robot(3, (), ("a",)),
    )
    assert (partial_plan.deleted_robot_ids, partial_plan.creates_robots) == ((9,), False)


def test_a_refusal_leaves_what_was_seen_of_robots() -> None:
    robot_plan = RobotPlan(
        changes=(create_robot("a"),), updated_robots=(robot_account(3),), deleted_robot_ids=(9,)
    )
    safe_plan = _plan().with_robot_plan(robot_plan, 3).safe_subset()
    assert (safe_plan.changes, safe_plan.updated_robots, safe_plan.deleted_robot_ids) == (
        (),
        (robot_account(3),),
        (),
    )


def test_json_round_trip_with_grants() -> None:
    changes = (create_robot("a", replaces=4), update_robot(2, ("a",), ()), delete_robot(3, "a"))
    plan = _plan().with_robot_plan(
        RobotPlan(changes=changes, updated_robots=(robot_account(1),)), 3
    )
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_a_refused_plan_still_does_what_was_unbound() -> None:
    unbound = delete_robot(1, "a")
    narrowed = update_robot(2, ("a", "b"), ("a",))
    edited_too = update_robot(3, ("a", "b"), ("a",), reason=Reason.ROBOT_EDITED)
    disabled_too = update_robot(4, ("a", "b"), ("a",), reason=Reason.ROBOT_DISABLED)
    superseded = delete_robot(5, "a", reason=Reason.SUPERSEDED, urgent=True)
    by_a_robot = create_robot("a", number=2, before=("a", "b"), reason=Reason.ROBOT_EDITED)
    replacement = create_robot("a", number=2, before=("a",), reason=Reason.NAMESPACE_LEFT)
    urgent: set[Change] = {
        unbound,
        narrowed,
        edited_too,
        disabled_too,
        superseded,
        by_a_robot,
        replacement,
    }
    other_changes: set[Change] = {
        update_robot(6, ("a",), ("a", "b")),
        delete_robot(7, "a", reason=Reason.SPACES_MISSING, urgent=False),
        delete_robot(8, "a", reason=Reason.ORPHANED),
        create_robot("a", "b", number=2, before=("a",)),
        narrow("x"),
    }
    changes = order_changes([*urgent, *other_changes])
    plan = Plan(
        registry="prod", created_at=NOW, changes=changes, deleted_robot_ids=(9,)
    ).safe_subset()
    assert set(plan.changes) == urgent
    assert plan.deleted_robot_ids == ()


@pytest.mark.parametrize("reason", [Reason.ORPHANED, Reason.SPACES_MISSING])
def test_ending_access_that_nothing_justifies_does_not_brake(reason: Reason) -> None:
    changes = tuple(delete_robot(number, "a", reason=reason, urgent=True) for number in range(50))
    assert (
        _plan().with_robot_plan(RobotPlan(changes=changes), 50).exceeded_limit(ChangeLimits())
        is None
    )


def test_many_robots_gone_at_once_are_not_forgotten() -> None:
    plan = Plan(registry="prod", created_at=NOW, deleted_robot_ids=tuple(range(10)), robot_count=2)
    assert re.search(
        r"forget 10 of 12 robot accounts", exceeded_message(plan.exceeded_limit(ChangeLimits()))
    )
    assert plan.model_copy(update={"robot_count": 30}).exceeded_limit(ChangeLimits()) is None


def test_read_only_keeps_the_changes_and_reports_the_drift() -> None:
    drift = _drift(DriftKind.VISIBILITY, DriftAction.ENFORCED)
    plan = _plan(narrow("a"), spaces=1, drifts=(drift,), expired_count=1)
    waiting = plan.for_read_only("Harbor is read-only", ChangeLimits())
    assert waiting.changes == plan.changes
    assert waiting.expired_spaces == plan.expired_spaces
    assert [(drift.action, drift.reason) for drift in waiting.drifts] == [
        (DriftAction.REPORTED, "not changed: Harbor is read-only")
    ]


def test_read_only_lifts_no_safety_limit() -> None:
    plan = _plan(narrow("a"), spaces=20, expired_count=12)
    waiting = plan.for_read_only("Harbor is read-only", ChangeLimits())
    assert (waiting.expired_spaces, waiting.changes, waiting.withheld_count) == ((), (), 1)
    assert plan.for_read_only("Harbor is read-only", None).expired_spaces == plan.expired_spaces


@given(
    st.lists(
        st.sampled_from(
            [
                narrow("a"),
                widen("b"),
                create("c"),
                create_robot("a"),
                update_robot(1, ("a",), ("b",)),
                delete_robot(2, "a", urgent=False),
            ]
        ),
        max_size=6,
    ),
    st.lists(st.sampled_from(["limits", "key", "read-only"]), max_size=3),
)
def test_withheld_changes_are_counted(changes: list[Change], reasons: list[str]) -> None:
    plan = _plan(*changes)
    for reason in reasons:
        if reason == "limits":
            plan = plan.safe_subset()
        elif reason == "key":
            plan = plan.without_new_robots()
        else:
            plan = plan.for_read_only("Harbor is read-only", ChangeLimits(min_count=0, max_share=0))
    assert len(plan.changes) + plan.withheld_count == len(changes)
    assert count_changes(plan.changes, [], plan.withheld_count).total == len(changes)
