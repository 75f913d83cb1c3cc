"""The budget of a slice, pauses, and when figures are published."""

from datetime import timedelta

import pytest

from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.images.sweep import Stage, SweepProgress, slice_requests, throttle_pause
from tests.support.builders import NOW


@pytest.mark.parametrize(
    ("rate", "seconds", "expected"),
    [
        (300, None, 300),
        (300, -5, 0),
        (300, 0, 0),
        (300, 1, 0),
        (300, 30, 150),
        (300, 60, 300),
        (300, 86_400, 300),
        (2, None, 6),
        (2, 60, 0),
        (2, 179, 0),
        (2, 180, 6),
        (2, 86_400, 6),
        (4, 60, 0),
        (4, 90, 6),
    ],
)
def test_all_slices_together_keep_the_rate(rate: int, seconds: float | None, expected: int) -> None:
    last = NOW - timedelta(seconds=seconds) if seconds is not None else None
    assert slice_requests(SweepProgress(slice_at=last), rate, NOW) == expected


@pytest.mark.parametrize(
    ("reason", "retry_after", "minutes"),
    [
        (Reason.THROTTLED, None, 10),
        (Reason.THROTTLED, 30, 10),
        (Reason.THROTTLED, 3600, 60),
        (Reason.THROTTLED, 10**9, 24 * 60),
        (Reason.SERVER_BROKEN, 30, None),
    ],
)
def test_only_throttling_pauses(
    reason: Reason, retry_after: float | None, minutes: int | None
) -> None:
    error = RemoteError("prod", "GET", "/", "busy", reason, retry_after=retry_after)
    expected = timedelta(minutes=minutes) if minutes is not None else None
    assert throttle_pause(error) == expected


@pytest.mark.parametrize(
    ("stage", "minutes", "expected"),
    [
        (Stage.DONE, 0, True),
        (Stage.LIST, None, True),
        (Stage.RESOLVE, 9, False),
        (Stage.RESOLVE, 10, True),
    ],
)
def test_figures_are_published_at_the_end_and_in_between(
    stage: Stage, minutes: int | None, expected: bool
) -> None:
    at = NOW - timedelta(minutes=minutes) if minutes is not None else None
    progress = SweepProgress(stage=stage, published_at=at)
    assert progress.is_publication_due(timedelta(minutes=10), NOW) is expected
