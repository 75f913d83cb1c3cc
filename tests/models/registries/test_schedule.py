"""When a registry is due for an observation."""

from datetime import timedelta

import pytest

from models.core.limits import PollPolicy
from models.core.reasons import Reason
from models.core.settings import Settings
from models.registries.condition import Condition, ConditionStatus, ConditionType
from models.registries.schedule import (
    PollHistory,
    PullUserAttempts,
    is_due,
    next_delay,
    recheck_at,
    refuses_credentials,
)
from tests.support.builders import NOW, condition, registry_record

CADENCE = PollPolicy()
REFUSED = condition(ConditionType.AUTHENTICATED, ConditionStatus.FALSE)


def _ago(seconds: float, **track: float) -> PollHistory:
    return PollHistory.model_validate({"observed_at": NOW - timedelta(seconds=seconds), **track})


@pytest.mark.parametrize(
    ("track", "conditions", "expected"),
    [
        (PollHistory(), (), True),
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
def test_is_due(track: PollHistory, conditions: tuple[Condition, ...], expected: bool) -> None:
    assert is_due(track, CADENCE, conditions, NOW) is expected
    assert registry_record(*conditions, track=track).is_due(CADENCE, NOW) is expected


PENDING = condition(opposing_checks=1)
PENDING_LOGIN = condition(ConditionType.AUTHENTICATED, opposing_checks=1)


@pytest.mark.parametrize(
    ("history", "policy", "conditions", "seconds"),
    [
        (_ago(0), CADENCE, (PENDING,), 15),
        (_ago(0), CADENCE, (condition(), condition(ConditionType.SYNCED, opposing_checks=1)), 15),
        (_ago(0), CADENCE, (condition(),), None),
        (_ago(0), CADENCE, (PENDING, PENDING_LOGIN), None),
        (_ago(0), CADENCE, (PENDING, REFUSED), None),
        (
            PollHistory(observed_at=NOW, seconds=16),
            CADENCE,
            (PENDING,),
            None,
        ),  # observations take longer than that
        (_ago(0), PollPolicy(recheck=timedelta(0)), (PENDING,), None),
        (PollHistory(), CADENCE, (PENDING,), None),
    ],
)
def test_a_failure_that_is_not_confirmed_is_observed_again_soon(
    history: PollHistory,
    policy: PollPolicy,
    conditions: tuple[Condition, ...],
    seconds: float | None,
) -> None:
    expected = NOW + timedelta(seconds=seconds) if seconds is not None else None
    assert recheck_at(history, policy, conditions) == expected
    due = is_due(history, policy, conditions, NOW + timedelta(seconds=14))
    assert due is (seconds is not None or history.observed_at is None)


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
    track = PollHistory(observed_at=NOW, seconds=seconds, failures=failures)
    assert next_delay(track, CADENCE, credential_refused=hammering) == timedelta(seconds=wait)


def test_a_wish_for_rare_looks_is_granted() -> None:
    """`max_interval` limits the additional delay, not the configured interval."""
    hourly = PollPolicy(interval=timedelta(hours=1))
    assert next_delay(PollHistory(), hourly, credential_refused=False) == timedelta(hours=1)
    assert next_delay(PollHistory(failures=4), hourly, credential_refused=True) == timedelta(
        hours=1
    )


@pytest.mark.parametrize("status", list(ConditionStatus))
def test_only_a_refusal_counts_as_one(status: ConditionStatus) -> None:
    conditions = (condition(), condition(ConditionType.AUTHENTICATED, status))
    assert refuses_credentials(conditions) is (status is ConditionStatus.FALSE)


@pytest.mark.parametrize("reason", [Reason.CREDENTIALS_MISSING, Reason.CREDENTIALS_FORBIDDEN])
def test_a_credential_that_was_not_sent_was_not_refused(reason: Reason) -> None:
    assert not refuses_credentials((REFUSED.model_copy(update={"reason": reason}),))


def test_settings_fit_what_they_build() -> None:
    settings = Settings(look_interval_seconds=30, change_limit_share=0.5, change_limit_floor=3)
    assert settings.poll_policy.interval == timedelta(seconds=30)
    assert (settings.change_limits.max_share, settings.change_limits.min_count) == (0.5, 3)


@pytest.mark.parametrize(
    ("failures", "seconds", "fingerprint", "expected"),
    [
        (0, None, "a", True),
        (1, 100, "a", False),
        (1, 120, "a", True),
        (2, 239, "a", True),
        (2, 200, "a", False),
        (9, 800, "a", False),
        (9, 900, "a", True),
        (9, 1, "another password", True),
    ],
)
def test_a_refused_pull_user_is_tried_less_and_less_often(
    failures: int, seconds: float | None, fingerprint: str, *, expected: bool
) -> None:
    tried_at = None if seconds is None else NOW - timedelta(seconds=seconds)
    attempts = PullUserAttempts(refused="a", failures=failures, tried_at=tried_at)
    assert attempts.is_due(fingerprint, CADENCE, NOW) is expected


def test_refusals_are_counted_for_one_password() -> None:
    attempts = PullUserAttempts().after_refusal("a", NOW).after_refusal("a", NOW)
    assert (attempts.failures, attempts.tried_at) == (2, NOW)
    assert attempts.after_refusal("b", NOW).failures == 1
