"""Plans: their brakes, their order, what a refusal leaves, and the way to JSON and back."""

import pytest

from models.core.errors import PlanRefused
from models.core.limits import Limits
from models.core.reasons import Reason
from models.registries.changes import Change, Drift, DriftKind, Handling
from models.registries.plan import Plan, ordered
from models.registries.robot_plan import GrantPlan
from tests.support.access_builders import edited, grant, made, revoked
from tests.support.builders import NOW, create, narrow, space, widen


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
    assert [(one.subject, one.narrows) for one in ordered(changes)] == [
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


# Robot accounts.


@pytest.mark.parametrize(
    ("many", "robots", "refused"),
    [(9, 9, False), (10, 34, False), (10, 33, True), (30, 100, False), (31, 100, True)],
)
@pytest.mark.parametrize("reason", [Reason.UNWANTED, Reason.SPACES_MISSING])
def test_the_brake_on_robots(many: int, robots: int, refused: bool, reason: Reason) -> None:
    """Nobody asked for it: a list that may be wrong says so."""
    changes = tuple(revoked(number, reason=reason) for number in range(many))
    plan = _plan().with_grants(GrantPlan(changes=changes), robots)
    if not refused:
        plan.check(Limits())
        return
    with pytest.raises(PlanRefused, match=rf"would delete {many} of {robots} robot accounts"):
        plan.check(Limits())


@pytest.mark.parametrize("reason", [Reason.BINDINGS_CHANGED, Reason.SUPERSEDED])
def test_what_was_asked_for_here_does_not_brake(reason: Reason) -> None:
    changes = tuple(revoked(number, reason=reason) for number in range(50))
    _plan().with_grants(GrantPlan(changes=changes), 50).check(Limits())


def test_grants_are_put_in_order_with_the_rest() -> None:
    changes = (
        made("a", workspace="w1"),
        edited(2, ("a",), ("a", "b"), workspace="w2"),
        edited(3, ("a", "b"), ("b", "c"), workspace="w3"),
        edited(4, ("a",), ("a",), workspace="w4", reason=Reason.ROBOT_EDITED),
        revoked(5, workspace="w5"),
    )
    found = GrantPlan(changes=changes, remembered=(grant(3),), gone=(9,))
    plan = _plan(narrow("z"), widen("a")).with_grants(found, 7)
    assert [(one.subject, one.narrows) for one in plan.changes] == [
        ("w3", True),
        ("w4", True),
        ("w5", True),
        ("z", True),
        ("a", False),
        ("w1", False),
        ("w2", False),
    ]
    assert (plan.regranted, plan.gone, plan.robots) == ((grant(3),), (9,), 7)
    assert not plan.empty
    assert plan.makes_robots


def test_no_robots_are_made() -> None:
    assert not _plan(narrow()).with_grants(GrantPlan(changes=(revoked(1),)), 1).makes_robots


def test_without_new_robots_only_new_robots_are_left_out() -> None:
    """Somebody was unbound: that must not wait until a lost key is found."""
    found = GrantPlan(changes=(made("a"), revoked(2), edited(3, (), ("a",))), gone=(9,))
    plan = _plan(narrow(), create()).with_grants(found, 3)
    left = plan.without_new_robots()
    assert left.changes == (narrow(), revoked(2), create(), edited(3, (), ("a",)))
    assert (left.gone, left.makes_robots) == ((9,), False)


def test_a_refusal_leaves_what_was_seen_of_robots() -> None:
    found = GrantPlan(changes=(made("a"),), remembered=(grant(3),), gone=(9,))
    left = _plan().with_grants(found, 3).braked()
    assert (left.changes, left.regranted, left.gone) == ((), (grant(3),), ())


def test_json_round_trip_with_grants() -> None:
    changes = (made("a", replaces=4), edited(2, ("a",), ()), revoked(3, "a"))
    plan = _plan().with_grants(GrantPlan(changes=changes, remembered=(grant(1),)), 3)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_a_refused_plan_still_does_what_was_unbound() -> None:
    unbound = revoked(1, "a")
    narrowed = edited(2, ("a", "b"), ("a",))
    edited_too = edited(3, ("a", "b"), ("a",), reason=Reason.ROBOT_EDITED)
    disabled_too = edited(4, ("a", "b"), ("a",), reason=Reason.ROBOT_DISABLED)
    superseded = revoked(5, "a", reason=Reason.SUPERSEDED, urgent=True)
    by_a_robot = made("a", number=2, before=("a", "b"), reason=Reason.ROBOT_EDITED)
    left = made("a", number=2, before=("a",), reason=Reason.NAMESPACE_LEFT)
    urgent: set[Change] = {
        unbound,
        narrowed,
        edited_too,
        disabled_too,
        superseded,
        by_a_robot,
        left,
    }
    others: set[Change] = {
        edited(6, ("a",), ("a", "b")),
        revoked(7, "a", reason=Reason.SPACES_MISSING, urgent=False),
        revoked(8, "a", reason=Reason.UNWANTED),
        made("a", "b", number=2, before=("a",)),
        narrow("x"),
    }
    changes = ordered([*urgent, *others])
    plan = Plan(registry="prod", made_at=NOW, changes=changes, gone=(9,)).braked()
    assert set(plan.changes) == urgent
    assert plan.gone == ()


@pytest.mark.parametrize("reason", [Reason.UNWANTED, Reason.SPACES_MISSING])
def test_ending_access_that_nothing_justifies_does_not_brake(reason: Reason) -> None:
    changes = tuple(revoked(number, "a", reason=reason, urgent=True) for number in range(50))
    _plan().with_grants(GrantPlan(changes=changes), 50).check(Limits())


def test_many_robots_gone_at_once_are_not_forgotten() -> None:
    plan = Plan(registry="prod", made_at=NOW, gone=tuple(range(10)), robots=2)
    with pytest.raises(PlanRefused, match=r"forget 10 of 12 robot accounts"):
        plan.check(Limits())
    plan.model_copy(update={"robots": 30}).check(Limits())
