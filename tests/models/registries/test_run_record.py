"""What one run writes down."""

from datetime import timedelta

import pytest

from models.core.reasons import Reason
from models.registries.changes import Drift, DriftKind, Handling, Outcome
from models.registries.condition import ConditionType, Status
from models.registries.plan import Plan
from models.registries.robots import Grant
from models.registries.run_record import conclude, sync_verdict
from models.registries.schedule import Track
from models.registries.space import Space
from tests.support.access_builders import edited, grant, made, revoked
from tests.support.builders import (
    NOW,
    PRIVATE,
    PUBLIC,
    broken,
    condition,
    create,
    done,
    dossier,
    narrow,
    registry,
    seen,
    snapshot,
    space,
    unseen,
    verdict,
    widen,
)

EARLIER = Track(looked_at=NOW - timedelta(hours=1), seconds=3, failures=2)


def _plan(
    *remembered: Space, retired: tuple[str, ...] = (), drifts: tuple[Drift, ...] = ()
) -> Plan:
    return Plan(registry="prod", made_at=NOW, remembered=remembered, retired=retired, drifts=drifts)


def test_a_good_look() -> None:
    told = conclude(dossier(track=EARLIER), [], snapshot(seen(), verdicts=[verdict()]), _plan())
    assert told.track == Track(looked_at=NOW, seconds=0.5, failures=0)
    assert told.spaces_read_at == NOW
    assert [(one.type, one.status) for one in told.conditions] == [
        (ConditionType.REACHABLE, Status.TRUE),
        (ConditionType.SYNCED, Status.TRUE),
    ]
    assert (told.spaces, told.retired, told.entries) == ((), (), ())


def test_a_look_without_spaces_counts_as_a_failure_and_keeps_the_last_numbers() -> None:
    told = conclude(dossier(track=EARLIER), [space()], snapshot(instead=unseen()), _plan())
    assert told.track == Track(looked_at=NOW, seconds=3, failures=3)
    assert (told.spaces_read_at, told.spaces, told.retired) == (None, (), ())


@pytest.mark.parametrize(
    ("outcome", "after"),
    [
        (done(widen()), PUBLIC),
        (done(widen(), Reason.ALREADY_SO), PUBLIC),
        (done(widen(), Reason.NOT_FOUND), PRIVATE),
        (broken(widen()), PRIVATE),
    ],
)
@pytest.mark.parametrize("remembered", [True, False])
def test_what_was_changed_is_on_record(outcome: Outcome, after: object, remembered: bool) -> None:
    record = space(desired=PUBLIC)
    plan = _plan(record) if remembered else _plan()
    told = conclude(dossier(), [record], snapshot(seen()), plan, (outcome,))
    kept = {one.name: one for one in told.spaces}.get("team", record)
    assert kept == space(desired=PUBLIC, observed=after)  # type: ignore[arg-type]


def test_what_was_created_is_there() -> None:
    asked = space("fresh", id=None, desired=PUBLIC, observed=None, declared=True)
    told = conclude(dossier(), [asked], snapshot(), _plan(), (done(create("fresh", PUBLIC)),))
    assert told.spaces == (space("fresh", id=None, desired=PUBLIC, observed=PUBLIC),)


def test_a_change_to_a_space_nobody_knows_is_not_on_record() -> None:
    told = conclude(dossier(), [], snapshot(), _plan(), (done(widen("ghost")),))
    assert told.spaces == ()


def test_entries_tell_drifts_outcomes_and_health_in_that_order() -> None:
    drift = Drift(
        kind=DriftKind.VISIBILITY,
        space="team",
        before="private",
        after="public",
        handling=Handling.ENFORCED,
        reason="it was set private here",
    )
    told = conclude(
        dossier(condition(status=Status.FALSE)),
        [space()],
        snapshot(seen(), verdicts=[verdict()]),
        _plan(retired=("gone",), drifts=(drift,)),
        (done(narrow()), broken(widen("other"))),
    )
    assert [one.what for one in told.entries] == [
        "space.visibility-drifted",
        "space.visibility-set",
        "space.change-failed",
        "registry.degraded",
    ]
    assert told.retired == ("gone",)


def test_a_failure_on_record_is_no_news() -> None:
    known = frozenset({("team", "set-visibility", "Forbidden")})
    outcomes = (broken(narrow()),)
    told = conclude(dossier(), [], snapshot(), _plan(), outcomes, failures=known)
    assert [one.what for one in told.entries] == ["registry.degraded"]
    assert told.outcomes == outcomes


@pytest.mark.parametrize(
    ("there", "outcomes", "refused", "status", "reason"),
    [
        (True, (), "", Status.TRUE, Reason.SYNCED),
        (True, (done(narrow()),), "", Status.TRUE, Reason.SYNCED),
        (True, (done(narrow()), broken(widen())), "", Status.FALSE, Reason.CHANGES_FAILED),
        (True, (), "too much", Status.FALSE, Reason.PLAN_REFUSED),
        (True, (broken(widen()),), "too much", Status.FALSE, Reason.PLAN_REFUSED),
        (False, (), "", Status.FALSE, Reason.PAGES_SHIFTED),
        (False, (), "too much", Status.FALSE, Reason.PAGES_SHIFTED),
    ],
)
def test_synced(
    there: bool, outcomes: tuple[Outcome, ...], refused: str, status: Status, reason: Reason
) -> None:
    look = snapshot() if there else snapshot(instead=unseen(Reason.PAGES_SHIFTED, "it moved"))
    found = sync_verdict(look, outcomes, refused)
    assert (found.type, found.status, found.reason) == (ConditionType.SYNCED, status, reason)
    assert found.proved is there


def test_synced_says_how_many_failed_and_the_first() -> None:
    outcomes = [broken(narrow("b"), message="403"), broken(narrow("c"))]
    assert sync_verdict(snapshot(), outcomes, "").message == "2 changes failed, first b: 403"


def test_one_unreadable_list_does_not_make_a_synced_registry_unsynced() -> None:
    before = dossier(condition(), condition(ConditionType.SYNCED), of=registry())
    once = conclude(before, [], snapshot(instead=unseen(), verdicts=[verdict()]), _plan())
    assert once.conditions[1].status is Status.TRUE
    assert once.entries == ()
    worse = before.model_copy(update={"conditions": once.conditions})
    twice = conclude(worse, [], snapshot(instead=unseen(), verdicts=[verdict()]), _plan())
    assert twice.conditions[1].status is Status.FALSE
    assert [one.what for one in twice.entries] == ["registry.degraded"]


GRANT = grant(1, "a")
MOVED = grant(1, "a", login="bot_new")
WIDER = edited(1, ("a",), ("a", "b"))


@pytest.mark.parametrize(
    ("regranted", "outcome", "expected"),
    [
        ((), None, ()),
        ((MOVED,), None, (MOVED,)),
        ((), done(WIDER), (grant(1, "a", "b"),)),
        ((), done(WIDER, Reason.ALREADY_SO), (grant(1, "a", "b"),)),
        ((MOVED,), done(WIDER), (grant(1, "a", "b", login="bot_new"),)),
        ((), broken(WIDER), ()),
        ((MOVED,), broken(WIDER), (MOVED,)),
        ((), done(edited(9, (), ("a",))), ()),  # nobody knows its secret
        ((), done(made("a", number=2)), ()),  # kept the moment it was made
        ((), done(revoked(1)), ()),
    ],
)
def test_grants(
    regranted: tuple[Grant, ...], outcome: Outcome | None, expected: tuple[Grant, ...]
) -> None:
    plan = _plan().model_copy(update={"regranted": regranted})
    outcomes = (outcome,) if outcome else ()
    told = conclude(dossier(), [], snapshot(), plan, outcomes, grants=[GRANT])
    assert told.grants == expected


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((), (7,)),
        ((done(revoked(1)),), (7, 1)),
        ((done(revoked(1), Reason.ALREADY_SO),), (7, 1)),
        ((broken(revoked(1)), done(revoked(2))), (7, 2)),
    ],
)
def test_robots_that_are_gone_are_forgotten(
    outcomes: tuple[Outcome, ...], expected: tuple[int, ...]
) -> None:
    plan = _plan().model_copy(update={"gone": (7,)})
    assert conclude(dossier(), [], snapshot(), plan, outcomes, grants=[GRANT]).revoked == expected


def test_what_was_granted_is_told() -> None:
    outcomes = (
        done(made("a")),
        done(WIDER),
        done(revoked(3, "a")),
        done(revoked(4), Reason.ALREADY_SO),
        broken(edited(5, (), ("a",)), message="403"),
    )
    told = conclude(dossier(), [], snapshot(), _plan(), outcomes)
    assert [(one.what, one.workspace, one.why) for one in told.entries[:4]] == [
        ("grant.made", "team-a", "BindingsChanged: +a"),
        ("grant.changed", "team-a", "BindingsChanged: +b"),
        ("grant.revoked", "team-a", "BindingsChanged: -a"),
        ("grant.failed", "team-a", "Forbidden: 403"),
    ]


def test_robots_that_cannot_be_read_make_it_unsynced() -> None:
    look = snapshot(seen()).model_copy(update={"robots": unseen(Reason.FORBIDDEN, "may not")})
    found = sync_verdict(look, (), "")
    assert (found.status, found.reason, found.message) == (
        Status.FALSE, Reason.FORBIDDEN, "may not"
    )  # fmt: skip
