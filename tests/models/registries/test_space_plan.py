"""What a look means: each test starts in agreement and changes one thing."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from models.core.availability import Unseen
from models.core.reasons import Reason
from models.registries.changes import Change, CreateSpace, Drift, DriftKind, Handling, SetVisibility
from models.registries.plan import Plan
from models.registries.registry import DriftPolicy, Kind
from models.registries.space import ObservedSpace, Space, Visibility
from models.registries.space_plan import plan_spaces
from tests.support.builders import (
    GRACE,
    NOW,
    PRIVATE,
    PUBLIC,
    registry,
    seen,
    snapshot,
    space,
    unseen,
)

LONG_AGO = NOW - GRACE - timedelta(seconds=1)
RECENTLY = NOW - timedelta(hours=1)
KNOWN = [
    space("follows"),
    space("open", id=8, desired=PUBLIC, observed=PUBLIC),
    space("shut", id=9, desired=PRIVATE),
]
SEEN = [seen("follows"), seen("open", id=8, visibility=PUBLIC), seen("shut", id=9)]


def _plan(
    known: Sequence[Space],
    there: Sequence[ObservedSpace],
    *,
    kind: Kind = Kind.HARBOR,
    policy: DriftPolicy = DriftPolicy.ENFORCE,
    instead: Unseen | None = None,
) -> Plan:
    return plan_spaces(
        registry(kind, drift_policy=policy),
        known,
        snapshot(*there, instead=instead),
        now=NOW,
        grace=GRACE,
    )


def _set(name: str, id: int, after: Visibility, reason: Reason) -> SetVisibility:
    before = PRIVATE if after is PUBLIC else PUBLIC
    return SetVisibility(space=name, remote_id=id, before=before, after=after, reason=reason)


def _drift(plan: Plan) -> tuple[DriftKind, str, str, str, Handling]:
    (one,) = plan.drifts
    return one.kind, one.space, one.before, one.after, one.handling


def _word(drift: Drift) -> str:
    return drift.kind.value


def test_agreement_is_an_empty_plan() -> None:
    assert _plan(KNOWN, SEEN) == Plan(registry="prod", made_at=NOW, spaces=3)


def test_what_is_missing_within_its_grace_needs_nothing_more() -> None:
    gone = space("gone", id=1, missing_since=RECENTLY)
    assert _plan([*KNOWN, gone], SEEN) == Plan(registry="prod", made_at=NOW, spaces=4)


def test_appeared() -> None:
    plan = _plan(KNOWN, [*SEEN, seen("new", id=10, visibility=PUBLIC)])
    assert _drift(plan) == (DriftKind.APPEARED, "new", "", "public", Handling.NOTED)
    assert plan.remembered == (space("new", id=10, observed=PUBLIC),)
    assert (plan.changes, plan.retired, plan.spaces) == ((), (), 4)


def test_missing() -> None:
    plan = _plan(KNOWN, SEEN[1:])
    assert _drift(plan) == (DriftKind.MISSING, "follows", "there", "missing", Handling.NOTED)
    assert plan.remembered == (space("follows", missing_since=NOW),)
    assert (plan.changes, plan.retired, plan.spaces) == ((), (), 3)


@pytest.mark.parametrize(
    ("since", "retired"),
    [(LONG_AGO, ("gone",)), (NOW - GRACE, ()), (RECENTLY, ()), (NOW, ())],
)
def test_retired_only_beyond_the_grace(since: object, retired: tuple[str, ...]) -> None:
    gone = space("gone", id=1).model_copy(update={"missing_since": since})
    plan = _plan([*KNOWN, gone], SEEN)
    assert plan.retired == retired
    assert [_word(one) for one in plan.drifts] == (["retired"] if retired else [])
    assert (plan.changes, plan.remembered) == ((), ())


def test_returned() -> None:
    gone = space("follows", missing_since=RECENTLY)
    plan = _plan([gone, *KNOWN[1:]], SEEN)
    assert _drift(plan) == (DriftKind.RETURNED, "follows", "missing", "there", Handling.NOTED)
    assert plan.remembered == (space("follows"),)
    assert plan.changes == ()


@pytest.mark.parametrize("missing", [None, RECENTLY, LONG_AGO])
def test_recreated_is_told_once_whether_or_not_it_was_missed(missing: object) -> None:
    before = space("follows").model_copy(update={"missing_since": missing})
    plan = _plan([before, *KNOWN[1:]], [seen("follows", id=70), *SEEN[1:]])
    assert _drift(plan) == (DriftKind.RECREATED, "follows", "id 7", "id 70", Handling.NOTED)
    assert plan.remembered == (space("follows", id=70),)
    assert (plan.changes, plan.retired) == ((), ())


HELD = {"follows": "the space was deleted and made again in the registry (id 7 before, id 70 now)"}


@pytest.mark.parametrize(
    ("known", "found", "held"),
    [
        (space("follows"), seen("follows"), {}),
        (space("follows", missing_since=RECENTLY), seen("follows"), {}),  # the same one is back
        (space("follows", missing_since=LONG_AGO), seen("follows"), {}),
        (space("follows"), seen("follows", id=70), HELD),
        (space("follows", missing_since=RECENTLY), seen("follows", id=70), HELD),
        (space("follows", missing_since=LONG_AGO), seen("follows", id=70), HELD),
        (space("follows", id=None), seen("follows"), {}),  # asked for here, its id was not known
        (
            space("follows", id=None, desired=PUBLIC, observed=None, declared=True),
            seen("follows"),
            {"follows": "somebody else made the space before this service"},
        ),
        (
            None,  # it was forgotten while somebody bound it
            seen("follows"),
            {
                "follows": "the space was first seen after it was bound: it is not the one that "
                "was meant"
            },
        ),
        (None, seen("nobodys"), {}),
    ],
)
def test_what_is_made_again_inherits_no_binding(
    known: Space | None, found: ObservedSpace, held: dict[str, str]
) -> None:
    before = [known] if known else []
    plan = plan_spaces(
        registry(), before, snapshot(found), now=NOW, grace=GRACE, bound={"follows", "other"}
    )
    assert plan.bindings_to_hold == held


def test_a_recreated_space_is_not_made_public_again() -> None:
    plan = _plan(KNOWN, [SEEN[0], seen("open", id=80), SEEN[2]])
    assert [_word(one) for one in plan.drifts] == ["recreated", "visibility-drifted"]
    assert "'public' was set for the old one" in plan.drifts[0].reason
    assert plan.remembered == (space("open", id=80, desired=None),)
    assert plan.changes == ()


def test_a_recreated_space_is_made_private_again() -> None:
    plan = _plan(KNOWN, [*SEEN[:2], seen("shut", id=90, visibility=PUBLIC)])
    assert [_word(one) for one in plan.drifts] == ["recreated", "visibility-drifted"]
    assert plan.changes == (_set("shut", 90, PRIVATE, Reason.VISIBILITY_DRIFTED),)
    assert plan.remembered == (space("shut", id=90, desired=PRIVATE, observed=PUBLIC),)


def test_what_nobody_set_is_adopted() -> None:
    plan = _plan(KNOWN, [seen("follows", visibility=PUBLIC), *SEEN[1:]])
    kind = DriftKind.VISIBILITY
    assert _drift(plan) == (kind, "follows", "private", "public", Handling.ADOPTED)
    assert plan.remembered == (space("follows", observed=PUBLIC),)
    assert plan.changes == ()


@pytest.mark.parametrize(
    ("place", "name", "found", "wish"), [(1, "open", PRIVATE, PUBLIC), (2, "shut", PUBLIC, PRIVATE)]
)
def test_what_was_set_here_is_enforced(
    place: int, name: str, found: Visibility, wish: Visibility
) -> None:
    there = [*SEEN]
    there[place] = seen(name, id=7 + place, visibility=found)
    plan = _plan(KNOWN, there)
    assert _drift(plan) == (DriftKind.VISIBILITY, name, wish, found, Handling.ENFORCED)
    assert plan.changes == (_set(name, 7 + place, wish, Reason.VISIBILITY_DRIFTED),)
    assert plan.remembered == (space(name, id=7 + place, desired=wish, observed=found),)


def test_under_report_it_is_only_told_and_only_once() -> None:
    there = [*SEEN[:2], seen("shut", id=9, visibility=PUBLIC)]
    plan = _plan(KNOWN, there, policy=DriftPolicy.REPORT)
    assert _drift(plan) == (DriftKind.VISIBILITY, "shut", "private", "public", Handling.REPORTED)
    assert plan.changes == ()
    again = _plan([*KNOWN[:2], *plan.remembered], there, policy=DriftPolicy.REPORT)
    assert again.empty
    assert again.remembered == ()


def test_it_may_drift_to_what_was_wished() -> None:
    known = [space("follows", desired=PUBLIC), *KNOWN[1:]]
    plan = _plan(known, [seen("follows", visibility=PUBLIC), *SEEN[1:]], policy=DriftPolicy.REPORT)
    assert _drift(plan) == (DriftKind.VISIBILITY, "follows", "private", "public", Handling.NOTED)
    assert plan.changes == ()


def test_a_wish_not_yet_carried_out_is_asked_for() -> None:
    plan = _plan([space("follows", desired=PUBLIC), *KNOWN[1:]], SEEN)
    assert plan.changes == (_set("follows", 7, PUBLIC, Reason.ASKED),)
    assert (plan.drifts, plan.remembered) == ((), ())


def test_more_repositories_are_remembered_and_no_news() -> None:
    plan = _plan(KNOWN, [seen("follows", repositories=5), *SEEN[1:]])
    assert plan.remembered == (space("follows", repositories=5),)
    assert plan.empty


def _declared(wish: Visibility) -> Space:
    return space("asked", id=None, desired=wish, observed=None, declared=True, repositories=None)


@pytest.mark.parametrize("wish", list(Visibility))
def test_declared_and_never_seen_is_created(wish: Visibility) -> None:
    plan = _plan([*KNOWN, _declared(wish)], SEEN)
    assert plan.changes == (CreateSpace(space="asked", after=wish),)
    assert (plan.drifts, plan.remembered, plan.retired) == ((), (), ())


@pytest.mark.parametrize(
    ("wish", "found", "kept", "changes"),
    [
        (PUBLIC, PUBLIC, PUBLIC, ()),
        (PRIVATE, PRIVATE, PRIVATE, ()),
        (PRIVATE, PUBLIC, PRIVATE, (_set("asked", 11, PRIVATE, Reason.ASKED),)),
        (PUBLIC, PRIVATE, None, ()),  # made by somebody else: it is not opened to everybody
    ],
)
def test_declared_and_there(
    wish: Visibility, found: Visibility, kept: Visibility | None, changes: tuple[Change, ...]
) -> None:
    """A run was killed after creating it, or somebody else was quicker."""
    plan = _plan([*KNOWN, _declared(wish)], [*SEEN, seen("asked", id=11, visibility=found)])
    assert [(drift.kind, drift.space) for drift in plan.drifts] == [(DriftKind.APPEARED, "asked")]
    assert ("left so" in plan.drifts[0].reason) == (kept is None)
    assert plan.remembered == (space("asked", id=11, desired=kept, observed=found),)
    assert plan.changes == changes


@pytest.mark.parametrize("policy", list(DriftPolicy))
def test_a_docker_registry_is_advisory_so_nothing_is_planned(policy: DriftPolicy) -> None:
    known = [
        space("set", id=None, desired=PUBLIC, observed=None),
        space("asked", id=None, desired=PRIVATE, observed=None, declared=True),
    ]
    there = [seen("set", id=None, visibility=None), seen("new", id=None, visibility=None)]
    plan = _plan(known, there, kind=Kind.DOCKER, policy=policy)
    assert plan.changes == ()
    assert _drift(plan) == (DriftKind.APPEARED, "new", "", "–", Handling.NOTED)


@pytest.mark.parametrize("kind", list(Kind))
def test_unseen_means_nothing(kind: Kind) -> None:
    gone = space("gone", missing_since=LONG_AGO)
    plan = _plan([*KNOWN, gone, _declared(PUBLIC)], [], kind=kind, instead=unseen())
    assert plan == Plan(registry="prod", made_at=NOW)


def test_an_empty_list_that_is_complete_misses_all_and_forgets_none() -> None:
    plan = _plan(KNOWN, [])
    assert {one.kind for one in plan.drifts} == {DriftKind.MISSING}
    assert (plan.retired, plan.changes) == ((), ())
