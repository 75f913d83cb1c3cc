"""The record of one run."""

from datetime import datetime, timedelta

import pytest

from models.core.reasons import Reason
from models.registries.changes import ChangeResult, Drift, DriftAction, DriftKind
from models.registries.condition import ConditionStatus, ConditionType
from models.registries.plan import Plan
from models.registries.robots import RobotAccount
from models.registries.runs.record import (
    EXPIRED_REASON,
    summarize_findings,
    summarize_run,
    sync_check,
)
from models.registries.schedule import PollHistory
from models.registries.space import Space
from tests.support.access_builders import (
    create_robot,
    delete_robot,
    robot,
    robot_account,
    robots,
    update_robot,
)
from tests.support.builders import (
    NOW,
    PRIVATE,
    PUBLIC,
    check_result,
    condition,
    create,
    failure,
    narrow,
    observed_space,
    registry,
    registry_record,
    snapshot,
    space,
    success,
    unavailable,
    widen,
)

EARLIER = PollHistory(observed_at=NOW - timedelta(hours=1), seconds=3, failures=2)


def _plan(
    *updated_spaces: Space, expired_spaces: tuple[str, ...] = (), drifts: tuple[Drift, ...] = ()
) -> Plan:
    return Plan(
        registry="prod",
        created_at=NOW,
        updated_spaces=updated_spaces,
        expired_spaces=expired_spaces,
        drifts=drifts,
    )


def test_a_good_look() -> None:
    run_record = summarize_run(
        registry_record(track=EARLIER),
        [],
        snapshot(observed_space(), verdicts=[check_result()]),
        _plan(),
    )
    assert run_record.poll_history == PollHistory(observed_at=NOW, seconds=0.5, failures=0)
    assert run_record.spaces_read_at == NOW
    assert [(state.type, state.status) for state in run_record.conditions] == [
        (ConditionType.REACHABLE, ConditionStatus.TRUE),
        (ConditionType.SYNCED, ConditionStatus.TRUE),
    ]
    assert (run_record.updated_spaces, run_record.expired_spaces, run_record.audit_entries) == (
        (),
        (),
        (),
    )


def test_a_look_without_spaces_counts_as_a_failure_and_keeps_the_last_numbers() -> None:
    run_record = summarize_run(
        registry_record(track=EARLIER), [space()], snapshot(instead=unavailable()), _plan()
    )
    assert run_record.poll_history == PollHistory(observed_at=NOW, seconds=3, failures=3)
    assert (run_record.spaces_read_at, run_record.updated_spaces, run_record.expired_spaces) == (
        None,
        (),
        (),
    )


@pytest.mark.parametrize(
    ("outcome", "after"),
    [
        (success(widen()), PUBLIC),
        (success(widen(), Reason.UNCHANGED), PUBLIC),
        (success(widen(), Reason.NOT_FOUND), PRIVATE),
        (failure(widen()), PRIVATE),
    ],
)
@pytest.mark.parametrize("remembered", [True, False])
def test_what_was_changed_is_on_record(
    outcome: ChangeResult, after: object, remembered: bool
) -> None:
    record = space(desired=PUBLIC)
    plan = _plan(record) if remembered else _plan()
    run_record = summarize_run(
        registry_record(), [record], snapshot(observed_space()), plan, (outcome,)
    )
    saved_space = {
        space_record.name: space_record for space_record in run_record.updated_spaces
    }.get("team", record)
    assert saved_space == space(desired=PUBLIC, observed=after)  # type: ignore[arg-type]


def test_what_was_created_is_there() -> None:
    desired_space = space("fresh", id=None, desired=PUBLIC, observed=None, declared=True)
    run_record = summarize_run(
        registry_record(), [desired_space], snapshot(), _plan(), (success(create("fresh", PUBLIC)),)
    )
    assert run_record.updated_spaces == (space("fresh", id=None, desired=PUBLIC, observed=PUBLIC),)


def test_a_change_to_a_space_nobody_knows_is_not_on_record() -> None:
    run_record = summarize_run(
        registry_record(), [], snapshot(), _plan(), (success(widen("ghost")),)
    )
    assert run_record.updated_spaces == ()


def test_entries_tell_drifts_outcomes_and_health_in_that_order() -> None:
    drift = Drift(
        kind=DriftKind.VISIBILITY,
        space="team",
        before="private",
        after="public",
        action=DriftAction.ENFORCED,
        reason="the desired visibility is private",
    )
    run_record = summarize_run(
        registry_record(condition(status=ConditionStatus.FALSE)),
        [space()],
        snapshot(observed_space(), verdicts=[check_result()]),
        _plan(expired_spaces=("gone",), drifts=(drift,)),
        (success(narrow()), failure(widen("other"))),
    )
    assert [entry.action for entry in run_record.audit_entries] == [
        "space.visibility-drifted",
        "space.visibility-set",
        "space.change-failed",
        "registry.degraded",
    ]
    assert run_record.expired_spaces == ("gone",)


def test_a_failure_on_record_is_no_news() -> None:
    known_failures = frozenset({("team", "set-visibility", "Forbidden")})
    outcomes = (failure(narrow()),)
    run_record = summarize_run(
        registry_record(), [], snapshot(), _plan(), outcomes, failures=known_failures
    )
    assert [entry.action for entry in run_record.audit_entries] == ["registry.degraded"]
    assert run_record.results == outcomes


@pytest.mark.parametrize(
    ("spaces_readable", "outcomes", "refused", "status", "reason"),
    [
        (True, (), "", ConditionStatus.TRUE, Reason.SYNCED),
        (True, (success(narrow()),), "", ConditionStatus.TRUE, Reason.SYNCED),
        (
            True,
            (success(narrow()), failure(widen())),
            "",
            ConditionStatus.FALSE,
            Reason.CHANGES_FAILED,
        ),
        (True, (), "too much", ConditionStatus.FALSE, Reason.PLAN_REFUSED),
        (True, (failure(widen()),), "too much", ConditionStatus.FALSE, Reason.PLAN_REFUSED),
        (False, (), "", ConditionStatus.FALSE, Reason.PAGES_SHIFTED),
        (False, (), "too much", ConditionStatus.FALSE, Reason.PAGES_SHIFTED),
    ],
)
def test_synced(
    spaces_readable: bool,
    outcomes: tuple[ChangeResult, ...],
    refused: str,
    status: ConditionStatus,
    reason: Reason,
) -> None:
    observation = (
        snapshot()
        if spaces_readable
        else snapshot(instead=unavailable(Reason.PAGES_SHIFTED, "it moved"))
    )
    synced_check = sync_check(observation, outcomes, refused)
    assert (synced_check.type, synced_check.status, synced_check.reason) == (
        ConditionType.SYNCED,
        status,
        reason,
    )
    assert synced_check.confirmed is spaces_readable


def test_synced_says_how_many_failed_and_the_first() -> None:
    outcomes = [failure(narrow("b"), message="403"), failure(narrow("c"))]
    assert sync_check(snapshot(), outcomes, "").message == "2 of 2 changes failed, first b: 403"


def test_one_unreadable_list_does_not_make_a_synced_registry_unsynced() -> None:
    before = registry_record(condition(), condition(ConditionType.SYNCED), spec=registry())
    first_record = summarize_run(
        before, [], snapshot(instead=unavailable(), verdicts=[check_result()]), _plan()
    )
    assert first_record.conditions[1].status is ConditionStatus.TRUE
    assert first_record.audit_entries == ()
    next_registry = before.model_copy(update={"conditions": first_record.conditions})
    second_record = summarize_run(
        next_registry, [], snapshot(instead=unavailable(), verdicts=[check_result()]), _plan()
    )
    assert second_record.conditions[1].status is ConditionStatus.FALSE
    assert [entry.action for entry in second_record.audit_entries] == ["registry.degraded"]


GRANT = robot_account(1, "a")
RENAMED_GRANT = robot_account(1, "a", login="bot_new")
WIDER = update_robot(1, ("a",), ("a", "b"))


@pytest.mark.parametrize(
    ("regranted", "outcome", "expected"),
    [
        ((), None, ()),
        ((RENAMED_GRANT,), None, (RENAMED_GRANT,)),
        ((), success(WIDER), (robot_account(1, "a", "b"),)),
        ((), success(WIDER, Reason.UNCHANGED), (robot_account(1, "a", "b"),)),
        ((RENAMED_GRANT,), success(WIDER), (robot_account(1, "a", "b", login="bot_new"),)),
        ((), failure(WIDER), ()),
        ((RENAMED_GRANT,), failure(WIDER), (RENAMED_GRANT,)),
        ((), success(update_robot(9, (), ("a",))), ()),  # its secret is not on record
        ((), success(create_robot("a", number=2)), ()),  # saved as soon as it was created
        ((), success(delete_robot(1)), ()),
    ],
)
def test_grants(
    regranted: tuple[RobotAccount, ...],
    outcome: ChangeResult | None,
    expected: tuple[RobotAccount, ...],
) -> None:
    plan = _plan().model_copy(update={"updated_robots": regranted})
    outcomes = (outcome,) if outcome else ()
    run_record = summarize_run(
        registry_record(), [], snapshot(), plan, outcomes, robot_accounts=[GRANT]
    )
    assert run_record.updated_robots == expected


@pytest.mark.parametrize(
    ("accepted", "outcome", "expected"),
    [
        (None, None, ()),
        (False, None, ()),
        (True, None, (robot_account(1, "a", proved_at=NOW),)),
        (True, success(WIDER), (robot_account(1, "a", "b", proved_at=NOW),)),
    ],
)
def test_an_accepted_secret_is_proved_up_to_the_last_update(
    accepted: bool | None, outcome: ChangeResult | None, expected: tuple[RobotAccount, ...]
) -> None:
    observed = robots(robot(1, "a", updated_at=NOW, accepted=accepted))
    observation = snapshot().model_copy(update={"robots": observed})
    outcomes = (outcome,) if outcome else ()
    run_record = summarize_run(
        registry_record(), [], observation, _plan(), outcomes, robot_accounts=[GRANT]
    )
    assert run_record.updated_robots == expected


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((), (7,)),
        ((success(delete_robot(1)),), (7, 1)),
        ((success(delete_robot(1), Reason.UNCHANGED),), (7, 1)),
        ((failure(delete_robot(1)), success(delete_robot(2))), (7, 2)),
    ],
)
def test_robots_that_are_gone_are_forgotten(
    outcomes: tuple[ChangeResult, ...], expected: tuple[int, ...]
) -> None:
    plan = _plan().model_copy(update={"deleted_robot_ids": (7,)})
    assert (
        summarize_run(
            registry_record(), [], snapshot(), plan, outcomes, robot_accounts=[GRANT]
        ).deleted_robot_ids
        == expected
    )


def test_what_was_granted_is_told() -> None:
    outcomes = (
        success(create_robot("a")),
        success(WIDER),
        success(delete_robot(3, "a")),
        success(delete_robot(4), Reason.UNCHANGED),
        failure(update_robot(5, (), ("a",)), message="403"),
    )
    run_record = summarize_run(registry_record(), [], snapshot(), _plan(), outcomes)
    assert [
        (entry.action, entry.workspace, entry.reason) for entry in run_record.audit_entries[:4]
    ] == [
        ("grant.made", "team-a", "BindingsChanged: +a"),
        ("grant.changed", "team-a", "BindingsChanged: +b"),
        ("grant.revoked", "team-a", "BindingsChanged: -a"),
        ("grant.failed", "team-a", "Forbidden: 403"),
    ]


@pytest.mark.parametrize(
    ("reason", "was_reached", "status"),
    [
        (Reason.CREDENTIALS_UNPROVED, False, ConditionStatus.UNKNOWN),
        (Reason.CREDENTIALS_UNPROVED, True, ConditionStatus.FALSE),
        (Reason.CREDENTIALS_FORBIDDEN, False, ConditionStatus.FALSE),
        (Reason.TIMED_OUT, False, ConditionStatus.FALSE),
    ],
)
def test_whether_it_is_synced_is_unknown_if_nothing_could_be_sent(
    reason: Reason, was_reached: bool, status: ConditionStatus
) -> None:
    checks = (check_result(ConditionType.REACHABLE),) if was_reached else ()
    observation = snapshot(instead=unavailable(reason, "why")).model_copy(update={"checks": checks})
    assert sync_check(observation, (), "").status is status


def test_robots_that_cannot_be_read_make_it_unsynced() -> None:
    observation = snapshot(observed_space()).model_copy(
        update={"robots": unavailable(Reason.FORBIDDEN, "may not")}
    )
    synced_check = sync_check(observation, (), "")
    assert (synced_check.status, synced_check.reason, synced_check.message) == (
        ConditionStatus.FALSE, Reason.FORBIDDEN, "may not"
    )  # fmt: skip


@pytest.mark.parametrize("spaces_read_at", [None, NOW])
def test_findings_are_what_a_run_saves_before_its_changes(spaces_read_at: datetime | None) -> None:
    drift = Drift(
        kind=DriftKind.APPEARED,
        space="team",
        before="",
        after="private",
        action=DriftAction.RECORDED,
        reason="new",
    )
    plan = _plan(space("team"), expired_spaces=("gone", "again"), drifts=(drift,))
    plan = plan.with_held_bindings({"again": "made again", "other": "another Harbor"})
    record = registry_record().model_copy(update={"spaces_read_at": spaces_read_at})
    findings = summarize_findings(record, plan)
    assert (findings.updated_spaces, findings.expired_spaces) == (
        (space("team"),),
        plan.expired_spaces,
    )
    assert findings.bindings_to_hold == {
        "gone": EXPIRED_REASON,
        "again": "made again",
        "other": "another Harbor",
    }
    (entry,) = findings.audit_entries
    # What is there at the first observation is no news.
    assert (entry.action, entry.emit_event) == ("space.appeared", spaces_read_at is not None)


def test_bindings_of_spaces_that_the_registry_rejects_are_held() -> None:
    plan = _plan(expired_spaces=("gone",)).with_held_bindings({"other": "made again"})
    outcomes = (failure(create("bad"), Reason.REJECTED), failure(create("later"), Reason.TIMED_OUT))
    run_record = summarize_run(registry_record(), [], snapshot(), plan, outcomes)
    assert run_record.expired_spaces == ("gone", "bad")
    assert run_record.bindings_to_hold == {
        "gone": EXPIRED_REASON,
        "bad": EXPIRED_REASON,
        "other": "made again",
    }


def test_changes_that_wait_for_a_read_only_registry() -> None:
    read_only = check_result(
        ConditionType.WRITABLE, ConditionStatus.FALSE, Reason.READ_ONLY, "Harbor is read-only"
    )
    waiting = snapshot(observed_space(), verdicts=[read_only])
    check = sync_check(waiting, [], "Harbor is read-only (1 change not made)")
    assert (check.status, check.reason) == (ConditionStatus.FALSE, Reason.READ_ONLY)
    assert sync_check(waiting, [], "").status is ConditionStatus.TRUE


def test_a_refused_new_secret_is_shown_with_what_to_do() -> None:
    plan = Plan(registry="prod", created_at=NOW, refused_workspaces=("team-a", "team-b"))
    check = sync_check(snapshot(), [], "", plan.refused_message)
    assert (check.status, check.reason) == (ConditionStatus.FALSE, Reason.SECRET_LOST)
    assert "of team-a, team-b: their namespaces cannot pull" in check.message
    assert sync_check(
        snapshot(), [], "", Plan(registry="prod", created_at=NOW).refused_message
    ) == (sync_check(snapshot(), [], ""))
