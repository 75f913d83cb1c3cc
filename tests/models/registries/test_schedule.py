"""When a registry is due for a look."""

from datetime import timedelta

import pytest

from models.core.limits import Cadence
from models.core.settings import Settings
from models.registries.condition import Condition, ConditionType, Status
from models.registries.schedule import Track, is_due, refuses_credentials, wait_for
from tests.support.builders import NOW, condition, dossier

CADENCE = Cadence()
REFUSED = condition(ConditionType.AUTHENTICATED, Status.FALSE)


def _ago(seconds: float, **track: float) -> Track:
    return Track.model_validate({"looked_at": NOW - timedelta(seconds=seconds), **track})


@pytest.mark.parametrize(
    ("track", "conditions", "due"),
    [
        (Track(), (), True),
        (_ago(60), (), True),
        (_ago(59), (), True),
        (_ago(58.9), (), False),
        (_ago(0), (), False),
        (_ago(-3600), (), False),
        (_ago(60, failures=9), (), True),
        (_ago(60, failures=1), (REFUSED,), False),
        (_ago(120, failures=1), (REFUSED,), True),
    ],
)
def test_is_due(track: Track, conditions: tuple[Condition, ...], due: bool) -> None:
    assert is_due(track, CADENCE, conditions, NOW) is due
    assert dossier(*conditions, track=track).due(CADENCE, NOW) is due


@pytest.mark.parametrize(
    ("seconds", "failures", "hammering", "wait"),
    [
        (0, 0, False, 60),
        (6, 0, False, 60),
        (12, 0, False, 120),
        (30, 0, False, 300),
        (600, 0, False, 900),
        (0, 5, False, 60),
        (0, 0, True, 60),
        (0, 1, True, 120),
        (0, 3, True, 480),
        (0, 4, True, 900),
        (0, 99, True, 900),
    ],
)
def test_wait(seconds: float, failures: int, hammering: bool, wait: float) -> None:
    track = Track(looked_at=NOW, seconds=seconds, failures=failures)
    assert wait_for(track, CADENCE, hammering=hammering) == timedelta(seconds=wait)


def test_a_wish_for_rare_looks_is_granted() -> None:
    """`slowest` bounds what we add to the wish, not the wish."""
    hourly = Cadence(interval=timedelta(hours=1))
    assert wait_for(Track(), hourly, hammering=False) == timedelta(hours=1)
    assert wait_for(Track(failures=4), hourly, hammering=True) == timedelta(hours=1)


@pytest.mark.parametrize("status", list(Status))
def test_only_a_refusal_counts_as_one(status: Status) -> None:
    told = (condition(), condition(ConditionType.AUTHENTICATED, status))
    assert refuses_credentials(told) is (status is Status.FALSE)


def test_settings_fit_what_they_build() -> None:
    settings = Settings(look_interval_seconds=30, change_limit_share=0.5, change_limit_floor=3)
    assert settings.cadence.interval == timedelta(seconds=30)
    assert (settings.limits.share, settings.limits.floor) == (0.5, 3)
