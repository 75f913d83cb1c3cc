"""For any records and observations: after plan, apply and save, the next plan is empty."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.registries.changes import CreateSpace, DriftKind, SetVisibility
from models.registries.observation import Snapshot
from models.registries.plan import Plan
from models.registries.registry import DriftPolicy, Kind, Registry
from models.registries.runs.record import summarize_run
from models.registries.space import ObservedSpace, Space
from models.registries.space_plan import plan_spaces
from tests.support.builders import (
    GRACE,
    NOW,
    PRIVATE,
    PUBLIC,
    registry,
    registry_record,
    snapshot,
    success,
    unavailable,
)

NAMES = st.sampled_from(["a", "b", "c", "1", "/"])
VISIBILITY = st.sampled_from([PUBLIC, PRIVATE])
LATER = timedelta(minutes=1)


@st.composite
def _space(draw: st.DrawFn, name: str, kind: Kind) -> Space:
    desired = draw(st.none() | VISIBILITY)
    if draw(st.booleans()):
        return Space(name=name, desired=draw(VISIBILITY), declared=True)
    harbor = kind is Kind.HARBOR
    return Space(
        name=name,
        remote_id=draw(st.none() | st.integers(1, 3)) if harbor else None,
        desired=desired,
        observed=draw(VISIBILITY) if harbor else None,
        repositories=draw(st.none() | st.integers(0, 2)),
        missing_since=draw(st.none() | st.sampled_from([NOW - GRACE * 2, NOW - GRACE / 2])),
    )


@st.composite
def _platforms(draw: st.DrawFn) -> tuple[Registry, dict[str, Space], dict[str, ObservedSpace]]:
    kind, policy = draw(st.sampled_from(Kind)), draw(st.sampled_from(DriftPolicy))
    records = {name: draw(_space(name, kind)) for name in draw(st.sets(NAMES))}
    harbor = kind is Kind.HARBOR
    observed_spaces = {
        name: ObservedSpace(
            name=name,
            remote_id=draw(st.integers(1, 3)) if harbor else None,
            visibility=draw(VISIBILITY) if harbor else None,
            repositories=draw(st.integers(0, 2)),
        )
        for name in draw(st.sets(NAMES))
    }
    return registry(kind, drift_policy=policy), records, observed_spaces


def _observation(observed_spaces: dict[str, ObservedSpace], turn: int = 0) -> Snapshot:
    return snapshot(*observed_spaces.values(), taken_at=NOW + turn * LATER)


def _plan(target: Registry, records: dict[str, Space], observation: Snapshot) -> Plan:
    return plan_spaces(
        target, records.values(), observation, now=observation.observed_at, grace=GRACE
    )


def _apply(observed_spaces: dict[str, ObservedSpace], plan: Plan) -> dict[str, ObservedSpace]:
    after = dict(observed_spaces)
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


def _update_records(
    target: Registry, records: dict[str, Space], observation: Snapshot, plan: Plan
) -> dict[str, Space]:
    outcomes = tuple(success(change) for change in plan.changes)
    run_record = summarize_run(
        registry_record(spec=target), records.values(), observation, plan, outcomes
    )
    after = {**records, **{record.name: record for record in run_record.updated_spaces}}
    return {name: record for name, record in after.items() if name not in run_record.expired_spaces}


@given(_platforms())
def test_planned_applied_remembered_there_is_nothing_left(
    platform: tuple[Registry, dict[str, Space], dict[str, ObservedSpace]],
) -> None:
    target, records, observed_spaces = platform
    first = _plan(target, records, _observation(observed_spaces))
    updated_records = _update_records(target, records, _observation(observed_spaces), first)
    after = _apply(observed_spaces, first)
    second = _plan(target, updated_records, _observation(after, 1))
    assert second.changes == ()
    assert second.drifts == ()
    third = _update_records(target, updated_records, _observation(after, 1), second)
    assert _plan(target, third, _observation(after, 2)) == Plan(
        registry="prod", created_at=NOW + 2 * LATER, space_count=second.space_count
    )


@given(_platforms())
def test_a_plan_only_ever_does_what_was_wished(
    platform: tuple[Registry, dict[str, Space], dict[str, ObservedSpace]],
) -> None:
    target, records, observed_spaces = platform
    plan = _plan(target, records, _observation(observed_spaces))
    for change in plan.changes:
        assert target.capabilities.stores_spaces
        assert isinstance(change, CreateSpace | SetVisibility)
        assert records[change.space].desired is change.after
        assert isinstance(change, CreateSpace) or target.drift_policy is DriftPolicy.ENFORCE
    assert [item.reduces_access for item in plan.changes] == sorted(
        (item.reduces_access for item in plan.changes), reverse=True
    )
    assert set(plan.expired_spaces) <= records.keys() - observed_spaces.keys()
    assert not {record.name for record in plan.updated_spaces} & set(plan.expired_spaces)


@given(_platforms())
def test_a_refused_plan_still_remembers_and_stays_planned(
    platform: tuple[Registry, dict[str, Space], dict[str, ObservedSpace]],
) -> None:
    target, records, observed_spaces = platform
    first = _plan(target, records, _observation(observed_spaces))
    safe_plan = first.safe_subset()
    run_record = summarize_run(
        registry_record(spec=target),
        records.values(),
        _observation(observed_spaces),
        safe_plan,
        unsafe_reason="too much",
    )
    second_plan = _plan(
        target,
        {**records, **{record.name: record for record in run_record.updated_spaces}},
        _observation(observed_spaces),
    )
    assert [(change.kind, change.subject, change.after) for change in second_plan.changes] == [
        (change.kind, change.subject, change.after) for change in first.changes
    ]
    assert second_plan.expired_spaces == first.expired_spaces
    assert {drift.kind for drift in second_plan.drifts} <= {DriftKind.EXPIRED}


@given(_platforms())
def test_unseen_removes_nothing(
    platform: tuple[Registry, dict[str, Space], dict[str, ObservedSpace]],
) -> None:
    target, records, _ = platform
    observation = snapshot(instead=unavailable())
    plan = plan_spaces(target, records.values(), observation, now=NOW + GRACE * 9, grace=GRACE)
    assert plan.is_empty
    assert (plan.expired_spaces, plan.updated_spaces) == ((), ())


@given(_platforms())
def test_a_plan_survives_json(
    platform: tuple[Registry, dict[str, Space], dict[str, ObservedSpace]],
) -> None:
    target, records, observed_spaces = platform
    plan = _plan(target, records, _observation(observed_spaces))
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    observation = _observation(observed_spaces)
    assert Snapshot.model_validate_json(observation.model_dump_json()) == observation
