"""For any two worlds: plan, apply, remember, and there is nothing left to do."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.registries.changes import CreateSpace, DriftKind, SetVisibility
from models.registries.observation import Snapshot
from models.registries.plan import Plan
from models.registries.registry import DriftPolicy, Kind, Registry
from models.registries.run_record import conclude
from models.registries.space import ObservedSpace, Space
from models.registries.space_plan import plan_spaces
from tests.support.builders import (
    GRACE,
    NOW,
    PRIVATE,
    PUBLIC,
    done,
    dossier,
    registry,
    snapshot,
    unseen,
)

NAMES = st.sampled_from(["a", "b", "c", "1", "/"])
VISIBILITY = st.sampled_from([PUBLIC, PRIVATE])
LATER = timedelta(minutes=1)


@st.composite
def _space(draw: st.DrawFn, name: str, kind: Kind) -> Space:
    wish = draw(st.none() | VISIBILITY)
    if draw(st.booleans()):
        return Space(name=name, desired=draw(VISIBILITY), declared=True)
    harbor = kind is Kind.HARBOR
    return Space(
        name=name,
        remote_id=draw(st.none() | st.integers(1, 3)) if harbor else None,
        desired=wish,
        observed=draw(VISIBILITY) if harbor else None,
        repositories=draw(st.none() | st.integers(0, 2)),
        missing_since=draw(st.none() | st.sampled_from([NOW - GRACE * 2, NOW - GRACE / 2])),
    )


@st.composite
def _worlds(draw: st.DrawFn) -> tuple[Registry, dict[str, Space], dict[str, ObservedSpace]]:
    kind, policy = draw(st.sampled_from(Kind)), draw(st.sampled_from(DriftPolicy))
    known = {name: draw(_space(name, kind)) for name in draw(st.sets(NAMES))}
    harbor = kind is Kind.HARBOR
    there = {
        name: ObservedSpace(
            name=name,
            remote_id=draw(st.integers(1, 3)) if harbor else None,
            visibility=draw(VISIBILITY) if harbor else None,
            repositories=draw(st.integers(0, 2)),
        )
        for name in draw(st.sets(NAMES))
    }
    return registry(kind, drift_policy=policy), known, there


def _look(there: dict[str, ObservedSpace], turn: int = 0) -> Snapshot:
    return snapshot(*there.values(), taken_at=NOW + turn * LATER)


def _plan(of: Registry, known: dict[str, Space], look: Snapshot) -> Plan:
    return plan_spaces(of, known.values(), look, now=look.taken_at, grace=GRACE)


def _applied(there: dict[str, ObservedSpace], plan: Plan) -> dict[str, ObservedSpace]:
    after = dict(there)
    for number, change in enumerate(plan.changes):
        if isinstance(change, CreateSpace):
            assert change.space not in after
            after[change.space] = ObservedSpace(
                name=change.space, remote_id=90 + number, visibility=change.after
            )
        else:
            assert isinstance(change, SetVisibility)
            assert after[change.space].remote_id == change.remote_id
            after[change.space] = after[change.space].model_copy(
                update={"visibility": change.after}
            )
    return after


def _remembered(
    of: Registry, known: dict[str, Space], look: Snapshot, plan: Plan
) -> dict[str, Space]:
    outcomes = tuple(done(change) for change in plan.changes)
    told = conclude(dossier(of=of), known.values(), look, plan, outcomes)
    after = {**known, **{one.name: one for one in told.spaces}}
    return {name: one for name, one in after.items() if name not in told.retired}


@given(_worlds())
def test_planned_applied_remembered_there_is_nothing_left(
    worlds: tuple[Registry, dict[str, Space], dict[str, ObservedSpace]],
) -> None:
    of, known, there = worlds
    first = _plan(of, known, _look(there))
    remembered = _remembered(of, known, _look(there), first)
    after = _applied(there, first)
    second = _plan(of, remembered, _look(after, 1))
    assert second.changes == ()
    assert second.drifts == ()
    third = _remembered(of, remembered, _look(after, 1), second)
    assert _plan(of, third, _look(after, 2)) == Plan(
        registry="prod", made_at=NOW + 2 * LATER, spaces=second.spaces
    )


@given(_worlds())
def test_a_plan_only_ever_does_what_was_wished(
    worlds: tuple[Registry, dict[str, Space], dict[str, ObservedSpace]],
) -> None:
    of, known, there = worlds
    plan = _plan(of, known, _look(there))
    for change in plan.changes:
        assert of.kind is Kind.HARBOR
        assert isinstance(change, CreateSpace | SetVisibility)
        assert known[change.space].desired is change.after
        assert isinstance(change, CreateSpace) or of.drift_policy is DriftPolicy.ENFORCE
    assert [one.narrows for one in plan.changes] == sorted(
        (one.narrows for one in plan.changes), reverse=True
    )
    assert set(plan.retired) <= known.keys() - there.keys()
    assert not {one.name for one in plan.remembered} & set(plan.retired)


@given(_worlds())
def test_a_refused_plan_still_remembers_and_stays_planned(
    worlds: tuple[Registry, dict[str, Space], dict[str, ObservedSpace]],
) -> None:
    of, known, there = worlds
    first = _plan(of, known, _look(there))
    left = first.braked()
    told = conclude(dossier(of=of), known.values(), _look(there), left, refused="too much")
    again = _plan(of, {**known, **{one.name: one for one in told.spaces}}, _look(there))
    assert [(one.kind, one.subject, one.after) for one in again.changes] == [
        (one.kind, one.subject, one.after) for one in first.changes
    ]
    assert again.retired == first.retired
    assert {one.kind for one in again.drifts} <= {DriftKind.RETIRED}


@given(_worlds())
def test_unseen_removes_nothing(
    worlds: tuple[Registry, dict[str, Space], dict[str, ObservedSpace]],
) -> None:
    of, known, _ = worlds
    look = snapshot(instead=unseen())
    plan = plan_spaces(of, known.values(), look, now=NOW + GRACE * 9, grace=GRACE)
    assert plan.empty
    assert (plan.retired, plan.remembered) == ((), ())


@given(_worlds())
def test_a_plan_survives_json(
    worlds: tuple[Registry, dict[str, Space], dict[str, ObservedSpace]],
) -> None:
    of, known, there = worlds
    plan = _plan(of, known, _look(there))
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    look = _look(there)
    assert Snapshot.model_validate_json(look.model_dump_json()) == look
