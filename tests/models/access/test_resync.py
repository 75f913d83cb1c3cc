"""When an observation is compared in full; and what one comparison leaves for the next."""

from datetime import timedelta
from typing import Any

import pytest

from models.access.resync import (
    RESYNC_INTERVAL,
    ResyncInputs,
    has_rotation,
    next_baseline,
    resync_reason,
)
from models.access.robot_state import RobotState
from models.access.rotation import Departure
from models.core.availability import Complete
from models.registries.changes import Drift, DriftAction, DriftKind
from models.registries.observation import UNCHANGED, Snapshot
from models.registries.plan import Plan
from models.registries.robots import ObservedRobot
from models.registries.runs.baseline import Baseline
from tests.support.access_builders import INSTALLATION_ID, robot, robot_account
from tests.support.builders import GRACE, NOW, narrow, observed_space, snapshot, space
from tests.support.builders import unavailable as unavailable_section

BASELINE = Baseline(
    lists="lists",
    basis="basis",
    unfinished="",
    compared_at=NOW - timedelta(minutes=1),
    resync_at=NOW + timedelta(minutes=14),
)
INPUTS = ResyncInputs(baseline=BASELINE, basis="basis", now=NOW)


def _with_baseline(**update: Any) -> dict[str, Any]:
    return {"baseline": BASELINE.model_copy(update=update)}


def test_an_unchanged_registry_is_not_compared() -> None:
    assert resync_reason(INPUTS) == ""
    assert INPUTS.known_lists == "lists"


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        ({"is_requested": True}, "requested"),
        ({"baseline": None}, "no earlier comparison"),
        (_with_baseline(lists=""), "not read completely"),
        (_with_baseline(unfinished="changes"), "found changes"),
        ({"basis": ""}, "not known whether the credential"),
        ({"basis": "other"}, "settings, records, the credential or the service"),
        ({"has_rotation": True}, "being replaced"),
        ({"may_be_stale": True}, "without a valid lease"),
        (_with_baseline(resync_at=NOW), "too old"),
        (_with_baseline(resync_at=NOW - timedelta(days=1)), "too old"),
        (_with_baseline(compared_at=NOW + timedelta(seconds=1)), "too old"),  # the clock was set
    ],
)
def test_each_of_these_forbids_it(update: dict[str, Any], reason: str) -> None:
    inputs = INPUTS.model_copy(update=update)
    assert reason in resync_reason(inputs)
    assert inputs.known_lists == ""


RECORD = robot_account(1, "a")
ROBOT_STATE = RobotState(
    registry="prod",
    installation=INSTALLATION_ID,
    bound_spaces={"team-a": ("a",)},
    robots=(RECORD,),
)


def _robots(*robots: ObservedRobot) -> dict[str, Any]:
    return {"robots": Complete[ObservedRobot](items=robots)}


OBSERVATION = snapshot(observed_space("a")).model_copy(
    update={"lists_digest": "lists", **_robots(robot(1, "a"))}
)
PLAN = Plan(registry="prod", created_at=NOW, space_count=1, robot_count=1)


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        ({}, False),
        ({"robots": (RECORD, robot_account(2, "a", made_at=NOW))}, True),
        ({"requested_rotations": frozenset({"team-a"})}, True),
        ({"departures": (Departure(registry="prod", workspace="team-a", left_at=NOW),)}, True),
        ({"departures": (Departure(registry="prod", workspace="team-a", rotated_at=NOW),)}, False),
    ],
)
def test_rotations(update: dict[str, Any], expected: bool) -> None:
    assert has_rotation(ROBOT_STATE.model_copy(update=update)) is expected


def _baseline(
    observation: Snapshot = OBSERVATION,
    plan: Plan = PLAN,
    *missing: Any,
    unfinished: str = "",
) -> Baseline:
    return next_baseline(
        "basis", observation, plan, missing, ROBOT_STATE, unfinished=unfinished, grace=GRACE
    )


def test_a_comparison_that_found_nothing_to_do() -> None:
    assert _baseline() == Baseline(
        lists="lists",
        basis="basis",
        unfinished="",
        compared_at=OBSERVATION.observed_at,
        resync_at=OBSERVATION.observed_at + RESYNC_INTERVAL,
    )


PLANS: dict[str, Any] = {
    "changes": (narrow("a"),),
    "drifts": (
        Drift(
            kind=DriftKind.VISIBILITY,
            space="a",
            before="private",
            after="public",
            action=DriftAction.REPORTED,
            reason="the drift policy",
        ),
    ),
    "updated_spaces": (space("a"),),
    "expired_spaces": ("a",),
    "bindings_to_hold": {"a": "recreated"},
    "updated_robots": (RECORD,),
    "deleted_robot_ids": (1,),
    "refused_workspaces": ("team-a",),
    "withheld_count": 1,
}


def test_every_part_of_a_plan_is_in_the_table() -> None:
    assert {*PLANS} == {*Plan.model_fields} - {
        "registry",
        "created_at",
        "space_count",
        "robot_count",
    }


@pytest.mark.parametrize(("part", "value"), PLANS.items())
def test_a_plan_that_is_not_empty(part: str, value: Any) -> None:
    plan = PLAN.model_copy(update={part: value})
    assert _baseline(plan=plan).unfinished == part.replace("_", " ")


def test_a_plan_that_was_not_applied_as_a_whole() -> None:
    assert _baseline(unfinished="too many changes").unfinished == "too many changes"


@pytest.mark.parametrize(
    ("update", "unfinished"),
    [
        ({"observer_usable": True}, ""),
        ({"observer_usable": False}, "the observer is not usable"),
        # Somebody may have refreshed its secret, which is tried until the result is conclusive.
        (
            _robots(robot(1, "a").model_copy(update={"updated_at": NOW + timedelta(days=2)})),
            f"the secret of {RECORD.login} was tried",
        ),
    ],
)
def test_what_is_tried_in_each_observation(update: dict[str, Any], unfinished: str) -> None:
    assert _baseline(OBSERVATION.model_copy(update=update)).unfinished == unfinished


def test_lists_that_were_not_read_completely() -> None:
    assert _baseline(snapshot(instead=unavailable_section())).lists == ""
    other = OBSERVATION.model_copy(update={"robots": unavailable_section()})
    assert _baseline(other).lists == ""


def test_a_grace_that_ends_soon() -> None:
    ends_at = OBSERVATION.observed_at + timedelta(minutes=2)
    late = space("late", missing_since=OBSERVATION.observed_at)
    soon = space("soon", missing_since=ends_at - GRACE)
    assert _baseline(OBSERVATION, PLAN, late, space("a"), soon).resync_at == ends_at
    assert _baseline(OBSERVATION, PLAN, late).resync_at == OBSERVATION.observed_at + RESYNC_INTERVAL


def test_an_unchanged_section_is_not_unavailable() -> None:
    observation = OBSERVATION.model_copy(update={"spaces": UNCHANGED})
    assert observation.has_spaces
    assert observation.first_unavailable is None
