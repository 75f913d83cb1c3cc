"""Plans: their brakes, their order, what a refusal leaves, and the way to JSON and back."""

import pytest

from models.change import Change, Drift, DriftKind, Handling
from models.errors import PlanRefused
from models.plan import Limits, Plan, ordered
from tests.builders import NOW, create, narrow, space, widen


def _plan(
    *changes: Change, spaces: int = 100, retired: int = 0, drifts: tuple[Drift, ...] = ()
) -> Plan:
    return Plan(
        registry="prod",
        made_at=NOW,
        changes=changes,
        drifts=drifts,
        retired=tuple(f"r{number}" for number in range(retired)),
        spaces=spaces,
    )


def _drift(kind: DriftKind, handling: Handling) -> Drift:
    return Drift(kind=kind, space="a", before="x", after="y", handling=handling, reason="why")


@pytest.mark.parametrize(
    ("narrowed", "spaces", "refused"),
    [
        (0, 0, False),
        (9, 9, False),  # below the floor the share does not matter
        (10, 33, True),  # 30.3 %
        (10, 34, False),  # 29.4 %
        (30, 100, False),  # exactly the share
        (31, 100, True),
        (10, 0, True),
    ],
)
@pytest.mark.parametrize("way", ["narrow", "retire"])
def test_brakes(narrowed: int, spaces: int, refused: bool, way: str) -> None:
    changes = [narrow(f"n{number}") for number in range(narrowed)] if way == "narrow" else []
    plan = _plan(*changes, spaces=spaces, retired=0 if changes else narrowed)
    if not refused:
        plan.check(Limits())
        return
    with pytest.raises(PlanRefused) as caught:
        plan.check(Limits())
    doing = "make private" if changes else "forget"
    assert f"would {doing} {narrowed} of {spaces} spaces" in str(caught.value)
    assert "limit of 30%" in str(caught.value)
    assert "nothing was changed" in str(caught.value)
    assert "'Allow a large change'" in str(caught.value)


def test_brakes_say_the_share() -> None:
    plan = _plan(*(narrow(f"n{number}") for number in range(31)))
    with pytest.raises(PlanRefused, match=r"31 of 100 spaces \(31%\), more than the limit of 30%"):
        plan.check(Limits())


def test_widening_and_creating_never_brake() -> None:
    widening = [widen(f"w{number}") for number in range(50)]
    _plan(*widening, *(create(f"c{number}") for number in range(50)), spaces=50).check(Limits())


def test_other_limits() -> None:
    one = _plan(narrow(), spaces=1000)
    one.check(Limits(share=0, floor=2))
    with pytest.raises(PlanRefused):
        one.check(Limits(share=0, floor=1))
    _plan(*(narrow(str(number)) for number in range(100))).check(Limits(share=1))


def test_what_a_refusal_leaves() -> None:
    enforced = _drift(DriftKind.VISIBILITY, Handling.ENFORCED)
    adopted = _drift(DriftKind.VISIBILITY, Handling.ADOPTED)
    missing = _drift(DriftKind.MISSING, Handling.NOTED)
    retired = _drift(DriftKind.RETIRED, Handling.NOTED)
    plan = _plan(narrow(), drifts=(enforced, adopted, missing, retired), retired=1)
    plan = plan.model_copy(update={"remembered": (space(),)})
    left = plan.braked()
    assert (left.changes, left.retired, left.remembered) == ((), (), (space(),))
    told = enforced.model_copy(
        update={"handling": Handling.REPORTED, "reason": "the plan is refused"}
    )
    assert left.drifts == (told, adopted, missing)


def test_narrow_first_then_widen_by_name() -> None:
    changes: list[Change] = [widen("b"), create("a"), narrow("z"), create("c"), narrow("d")]
    assert [(one.space, one.narrows) for one in ordered(changes)] == [
        ("d", True),
        ("z", True),
        ("a", False),
        ("b", False),
        ("c", False),
    ]


def test_empty() -> None:
    assert _plan().empty
    assert not _plan(narrow()).empty
    assert not _plan(drifts=(_drift(DriftKind.MISSING, Handling.NOTED),)).empty


def test_json_round_trip() -> None:
    drift = _drift(DriftKind.VISIBILITY, Handling.ENFORCED)
    plan = _plan(narrow(), widen("b", None), create(), drifts=(drift,), retired=2)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
