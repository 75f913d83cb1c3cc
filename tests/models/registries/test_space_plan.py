"""The plan for spaces: each test starts without differences and changes one thing."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from models.core.availability import Unavailable
from models.core.reasons import Reason
from models.registries.changes import (
    Change,
    CreateSpace,
    Drift,
    DriftAction,
    DriftKind,
    SetVisibility,
)
from models.registries.plan import Plan
from models.registries.registry import DriftPolicy, Kind
from models.registries.space import ObservedSpace, Space, Visibility
from models.registries.space_plan import plan_spaces
from tests.support.builders import (
    GRACE,
    NOW,
    PRIVATE,
    PUBLIC,
    observed_space,
    registry,
    snapshot,
    space,
    unavailable,
)

LONG_AGO = NOW - GRACE - timedelta(seconds=1)
RECENTLY = NOW - timedelta(hours=1)
RECORDS = [
    space("follows"),
    space("open", id=8, desired=PUBLIC, observed=PUBLIC),
    space("shut", id=9, desired=PRIVATE),
]
OBSERVED = [
    observed_space("follows"),
    observed_space("open", id=8, visibility=PUBLIC),
    observed_space("shut", id=9),
]


def _plan(
    records: Sequence[Space],
    observed_spaces: Sequence[ObservedSpace],
    *,
    kind: Kind = Kind.HARBOR,
    policy: DriftPolicy = DriftPolicy.ENFORCE,
    instead: Unavailable | None = None,
) -> Plan:
    return plan_spaces(
        registry(kind, drift_policy=policy),
        records,
        snapshot(*observed_spaces, instead=instead),
        now=NOW,
        grace=GRACE,
    )


def _set(name: str, id: int, after: Visibility, reason: Reason) -> SetVisibility:
    before = PRIVATE if after is PUBLIC else PUBLIC
    return SetVisibility(space=name, remote_id=id, before=before, after=after, reason=reason)


def _drift(plan: Plan) -> tuple[DriftKind, str, str, str, DriftAction]:
    (drift,) = plan.drifts
    return drift.kind, drift.space, drift.before, drift.after, drift.action


def _kind(drift: Drift) -> str:
    return drift.kind.value


def test_agreement_is_an_empty_plan() -> None:
    assert _plan(RECORDS, OBSERVED) == Plan(registry="prod", created_at=NOW, space_count=3)


def test_what_is_missing_within_its_grace_needs_nothing_more() -> None:
    missing_space = space("gone", id=1, missing_since=RECENTLY)
    assert _plan([*RECORDS, missing_space], OBSERVED) == Plan(
        registry="prod", created_at=NOW, space_count=4
    )


def test_appeared() -> None:
    plan = _plan(RECORDS, [*OBSERVED, observed_space("new", id=10, visibility=PUBLIC)])
    assert _drift(plan) == (DriftKind.APPEARED, "new", "", "public", DriftAction.RECORDED)
    assert plan.updated_spaces == (space("new", id=10, observed=PUBLIC),)
    assert (plan.changes, plan.expired_spaces, plan.space_count) == ((), (), 4)


def test_missing() -> None:
    plan = _plan(RECORDS, OBSERVED[1:])
    assert _drift(plan) == (DriftKind.MISSING, "follows", "there", "missing", DriftAction.RECORDED)
    assert plan.updated_spaces == (space("follows", missing_since=NOW),)
    assert (plan.changes, plan.expired_spaces, plan.space_count) == ((), (), 3)


@pytest.mark.parametrize(
    ("since", "retired"),
    [(LONG_AGO, ("gone",)), (NOW - GRACE, ()), (RECENTLY, ()), (NOW, ())],
)
def test_retired_only_beyond_the_grace(since: object, retired: tuple[str, ...]) -> None:
    missing_space = space("gone", id=1).model_copy(update={"missing_since": since})
    plan = _plan([*RECORDS, missing_space], OBSERVED)
    assert plan.expired_spaces == retired
    assert [_kind(drift) for drift in plan.drifts] == (["retired"] if retired else [])
    assert (plan.changes, plan.updated_spaces) == ((), ())


def test_returned() -> None:
    missing_space = space("follows", missing_since=RECENTLY)
    plan = _plan([missing_space, *RECORDS[1:]], OBSERVED)
    assert _drift(plan) == (DriftKind.RETURNED, "follows", "missing", "there", DriftAction.RECORDED)
    assert plan.updated_spaces == (space("follows"),)
    assert plan.changes == ()


@pytest.mark.parametrize("missing", [None, RECENTLY, LONG_AGO])
def test_recreated_is_told_once_whether_or_not_it_was_missed(missing: object) -> None:
    before = space("follows").model_copy(update={"missing_since": missing})
    plan = _plan([before, *RECORDS[1:]], [observed_space("follows", id=70), *OBSERVED[1:]])
    assert _drift(plan) == (DriftKind.RECREATED, "follows", "id 7", "id 70", DriftAction.RECORDED)
    assert plan.updated_spaces == (space("follows", id=70),)
    assert (plan.changes, plan.expired_spaces) == ((), ())


HELD_BINDINGS = {
    "follows": "the space was deleted and recreated in the registry (id 7 before, id 70 now)"
}


@pytest.mark.parametrize(
    ("record", "observed", "expected"),
    [
        (space("follows"), observed_space("follows"), {}),
        (
            space("follows", missing_since=RECENTLY),
            observed_space("follows"),
            {},
        ),  # the same space is observed again
        (space("follows", missing_since=LONG_AGO), observed_space("follows"), {}),
        (space("follows"), observed_space("follows", id=70), HELD_BINDINGS),
        (space("follows", missing_since=RECENTLY), observed_space("follows", id=70), HELD_BINDINGS),
        (space("follows", missing_since=LONG_AGO), observed_space("follows", id=70), HELD_BINDINGS),
        (
            space("follows", id=None),
            observed_space("follows"),
            {},
        ),  # requested here, its id is not on record
        (
            space("follows", id=None, desired=PUBLIC, observed=None, declared=True),
            observed_space("follows"),
            {"follows": "another client created the space before this service"},
        ),
        (
            None,  # its record was deleted while it was bound
            observed_space("follows"),
            {
                "follows": "the space was first observed after it was bound: it is not the bound "
                "space"
            },
        ),
        (None, observed_space("nobodys"), {}),
    ],
)
def test_what_is_made_again_inherits_no_binding(
    record: Space | None, observed: ObservedSpace, expected: dict[str, str]
) -> None:
    before = [record] if record else []
    plan = plan_spaces(
        registry(),
        before,
        snapshot(observed),
        now=NOW,
        grace=GRACE,
        bound_spaces={"follows", "other"},
    )
    assert plan.bindings_to_hold == expected


def test_a_recreated_space_is_not_made_public_again() -> None:
    plan = _plan(RECORDS, [OBSERVED[0], observed_space("open", id=80), OBSERVED[2]])
    assert [_kind(drift) for drift in plan.drifts] == ["recreated", "visibility-drifted"]
    assert "'public' was set for the old space" in plan.drifts[0].reason
    assert plan.updated_spaces == (space("open", id=80, desired=None),)
    assert plan.changes == ()


def test_a_recreated_space_is_made_private_again() -> None:
    plan = _plan(RECORDS, [*OBSERVED[:2], observed_space("shut", id=90, visibility=PUBLIC)])
    assert [_kind(drift) for drift in plan.drifts] == ["recreated", "visibility-drifted"]
    assert plan.changes == (_set("shut", 90, PRIVATE, Reason.VISIBILITY_DRIFTED),)
    assert plan.updated_spaces == (space("shut", id=90, desired=PRIVATE, observed=PUBLIC),)


def test_what_nobody_set_is_adopted() -> None:
    plan = _plan(RECORDS, [observed_space("follows", visibility=PUBLIC), *OBSERVED[1:]])
    kind = DriftKind.VISIBILITY
    assert _drift(plan) == (kind, "follows", "private", "public", DriftAction.ADOPTED)
    assert plan.updated_spaces == (space("follows", observed=PUBLIC),)
    assert plan.changes == ()


@pytest.mark.parametrize(
    ("place", "name", "observed", "desired"),
    [(1, "open", PRIVATE, PUBLIC), (2, "shut", PUBLIC, PRIVATE)],
)
def test_what_was_set_here_is_enforced(
    place: int, name: str, observed: Visibility, desired: Visibility
) -> None:
    observed_spaces = [*OBSERVED]
    observed_spaces[place] = observed_space(name, id=7 + place, visibility=observed)
    plan = _plan(RECORDS, observed_spaces)
    assert _drift(plan) == (DriftKind.VISIBILITY, name, desired, observed, DriftAction.ENFORCED)
    assert plan.changes == (_set(name, 7 + place, desired, Reason.VISIBILITY_DRIFTED),)
    assert plan.updated_spaces == (space(name, id=7 + place, desired=desired, observed=observed),)


def test_under_report_it_is_only_told_and_only_once() -> None:
    observed_spaces = [*OBSERVED[:2], observed_space("shut", id=9, visibility=PUBLIC)]
    plan = _plan(RECORDS, observed_spaces, policy=DriftPolicy.REPORT)
    assert _drift(plan) == (DriftKind.VISIBILITY, "shut", "private", "public", DriftAction.REPORTED)
    assert plan.changes == ()
    second_plan = _plan(
        [*RECORDS[:2], *plan.updated_spaces], observed_spaces, policy=DriftPolicy.REPORT
    )
    assert second_plan.is_empty
    assert second_plan.updated_spaces == ()


def test_it_may_drift_to_what_was_wished() -> None:
    records = [space("follows", desired=PUBLIC), *RECORDS[1:]]
    plan = _plan(
        records,
        [observed_space("follows", visibility=PUBLIC), *OBSERVED[1:]],
        policy=DriftPolicy.REPORT,
    )
    assert _drift(plan) == (
        DriftKind.VISIBILITY,
        "follows",
        "private",
        "public",
        DriftAction.RECORDED,
    )
    assert plan.changes == ()


def test_a_wish_not_yet_carried_out_is_asked_for() -> None:
    plan = _plan([space("follows", desired=PUBLIC), *RECORDS[1:]], OBSERVED)
    assert plan.changes == (_set("follows", 7, PUBLIC, Reason.REQUESTED),)
    assert (plan.drifts, plan.updated_spaces) == ((), ())


def test_more_repositories_are_remembered_and_no_news() -> None:
    plan = _plan(RECORDS, [observed_space("follows", repositories=5), *OBSERVED[1:]])
    assert plan.updated_spaces == (space("follows", repositories=5),)
    assert plan.is_empty


def _declared_space(visibility: Visibility) -> Space:
    return space(
        "asked", id=None, desired=visibility, observed=None, declared=True, repositories=None
    )


@pytest.mark.parametrize("visibility", list(Visibility))
def test_declared_and_never_seen_is_created(visibility: Visibility) -> None:
    plan = _plan([*RECORDS, _declared_space(visibility)], OBSERVED)
    assert plan.changes == (CreateSpace(space="asked", after=visibility),)
    assert (plan.drifts, plan.updated_spaces, plan.expired_spaces) == ((), (), ())


@pytest.mark.parametrize(
    ("desired", "observed", "expected_desired", "changes"),
    [
        (PUBLIC, PUBLIC, PUBLIC, ()),
        (PRIVATE, PRIVATE, PRIVATE, ()),
        (PRIVATE, PUBLIC, PRIVATE, (_set("asked", 11, PRIVATE, Reason.REQUESTED),)),
        (PUBLIC, PRIVATE, None, ()),  # created by another client: it does not become public
    ],
)
def test_declared_and_there(
    desired: Visibility,
    observed: Visibility,
    expected_desired: Visibility | None,
    changes: tuple[Change, ...],
) -> None:
    """A run was killed after creating it, or another client created it first."""
    plan = _plan(
        [*RECORDS, _declared_space(desired)],
        [*OBSERVED, observed_space("asked", id=11, visibility=observed)],
    )
    assert [(drift.kind, drift.space) for drift in plan.drifts] == [(DriftKind.APPEARED, "asked")]
    assert ("stays private" in plan.drifts[0].reason) == (expected_desired is None)
    assert plan.updated_spaces == (
        space("asked", id=11, desired=expected_desired, observed=observed),
    )
    assert plan.changes == changes


@pytest.mark.parametrize("policy", list(DriftPolicy))
def test_a_docker_registry_is_advisory_so_nothing_is_planned(policy: DriftPolicy) -> None:
    records = [
        space("set", id=None, desired=PUBLIC, observed=None),
        space("asked", id=None, desired=PRIVATE, observed=None, declared=True),
    ]
    observed_spaces = [
        observed_space("set", id=None, visibility=None),
        observed_space("new", id=None, visibility=None),
    ]
    plan = _plan(records, observed_spaces, kind=Kind.DOCKER, policy=policy)
    assert plan.changes == ()
    assert _drift(plan) == (DriftKind.APPEARED, "new", "", "–", DriftAction.RECORDED)


@pytest.mark.parametrize("kind", list(Kind))
def test_unseen_means_nothing(kind: Kind) -> None:
    missing_space = space("gone", missing_since=LONG_AGO)
    plan = _plan(
        [*RECORDS, missing_space, _declared_space(PUBLIC)], [], kind=kind, instead=unavailable()
    )
    assert plan == Plan(registry="prod", created_at=NOW)


def test_an_empty_list_that_is_complete_misses_all_and_forgets_none() -> None:
    plan = _plan(RECORDS, [])
    assert {drift.kind for drift in plan.drifts} == {DriftKind.MISSING}
    assert (plan.expired_spaces, plan.changes) == ((), ())
