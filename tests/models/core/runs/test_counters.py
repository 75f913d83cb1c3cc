"""What is counted has labels from closed sets."""

import pytest

from models.core.audit import EVENT_DESCRIPTIONS
from models.core.runs.counters import (
    CHANGE_ACTIONS,
    DRIFT_ACTIONS,
    RequestOutcome,
    classify_status,
)
from models.registries.changes import DriftKind


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, RequestOutcome.SUCCESS),
        (302, RequestOutcome.SUCCESS),
        (399, RequestOutcome.SUCCESS),
        (400, RequestOutcome.CLIENT_ERROR),
        (404, RequestOutcome.CLIENT_ERROR),
        (429, RequestOutcome.THROTTLED),
        (499, RequestOutcome.CLIENT_ERROR),
        (500, RequestOutcome.SERVER_ERROR),
        (503, RequestOutcome.SERVER_ERROR),
    ],
)
def test_a_status_has_an_outcome(status: int, outcome: RequestOutcome) -> None:
    assert classify_status(status) is outcome


def test_every_drift_is_counted_as_drift_and_every_action_once() -> None:
    assert {f"space.{kind}" for kind in DriftKind} <= DRIFT_ACTIONS
    assert set(EVENT_DESCRIPTIONS) >= DRIFT_ACTIONS
    assert not DRIFT_ACTIONS & CHANGE_ACTIONS
