"""Decide when to observe a registry: often if it responds quickly, less often otherwise."""

from datetime import datetime, timedelta

from models.core.base import FrozenModel
from models.core.limits import PollPolicy
from models.core.reasons import Reason
from models.registries.condition import Condition, ConditionStatus, ConditionType

_BACKOFF_STEPS = 4
_MAX_MISSED = 3
"""Intervals after which an observation is too old to be relied on."""

_UNSENT_REASONS = (
    Reason.CLIENT_CERTIFICATE_INVALID,
    Reason.CREDENTIALS_FORBIDDEN,
    Reason.CREDENTIALS_MISSING,
)
"""Reasons without an attempt to log in: nothing is locked, and recovery is noticed quickly."""


class PollHistory(FrozenModel):
    """The results of the last observations of a registry.

    Attributes:
        observed_at: start of the last observation (UTC); None before the first.
        seconds: duration of the last complete observation.
        failures: consecutive failed observations.
        lease_lost_at: when a run without a valid lease may have changed the registry (UTC).
    """

    observed_at: datetime | None = None
    seconds: float = 0.0
    failures: int = 0
    lease_lost_at: datetime | None = None

    @property
    def may_be_stale(self) -> bool:
        """Whether a run that had lost its lease may have changed it after the last observation."""
        return (
            self.lease_lost_at is not None
            and self.observed_at is not None
            and self.observed_at <= self.lease_lost_at
        )


class PullUserAttempts(FrozenModel):
    """The logins of a pull-only user that the registry refused.

    Attributes:
        refused: fingerprint of the user and its password; empty without a refusal.
        failures: consecutive refusals of them.
        tried_at: time of the last one (UTC).
    """

    refused: str = ""
    failures: int = 0
    tried_at: datetime | None = None

    def is_due(self, fingerprint: str, policy: PollPolicy, now: datetime) -> bool:
        """Return whether to try a user now: another one at once, a refused one less and less often.

        Many registries lock a user after some wrong passwords.
        """
        if self.tried_at is None or fingerprint != self.refused:
            return True
        wait: timedelta = policy.interval * 2 ** min(self.failures, _BACKOFF_STEPS)
        wait = min(wait, max(policy.max_interval, policy.interval))
        return now - self.tried_at >= wait - timedelta(seconds=1)

    def tried_again(self) -> "PullUserAttempts":
        """Return the attempts with the next one due now, because a person asks for it."""
        return self.model_copy(update={"tried_at": None})

    def after_refusal(self, fingerprint: str, now: datetime) -> "PullUserAttempts":
        """Return the attempts with one more that was refused."""
        failures = self.failures + 1 if fingerprint == self.refused else 1
        return PullUserAttempts(refused=fingerprint, failures=failures, tried_at=now)


def next_delay(history: PollHistory, policy: PollPolicy, *, credential_refused: bool) -> timedelta:
    """Return the delay between the last observation and the next.

    A slow registry is observed less often, so that observations take at most `policy.max_load` of
    its time. If the registry refuses the credential, the delay grows exponentially: in Harbor each
    wrong password locks the account for a while. If the registry is down, the delay does not grow:
    the requests cost it nothing, and its recovery is noticed quickly.
    """
    wait = max(policy.interval, timedelta(seconds=history.seconds / policy.max_load))
    if credential_refused:
        wait *= 2 ** min(history.failures, _BACKOFF_STEPS)
    return min(wait, max(policy.max_interval, policy.interval))


def is_due(
    history: PollHistory, policy: PollPolicy, conditions: tuple[Condition, ...], now: datetime
) -> bool:
    """Return whether to observe a registry now, with a tolerance of one second."""
    if history.observed_at is None:
        return True
    time = recheck_at(history, policy, conditions)
    if time is not None and now >= time - timedelta(seconds=1):
        return True
    wait = next_delay(history, policy, credential_refused=refuses_credentials(conditions))
    return now - history.observed_at >= wait - timedelta(seconds=1)


def recheck_at(
    history: PollHistory, policy: PollPolicy, conditions: tuple[Condition, ...]
) -> datetime | None:
    """Return when to observe again because of a failure that is not confirmed (UTC).

    A single result that may be transient does not change a condition; a second one soon after it
    tells whether it was. None if there is no such result, if it is about the credential (in Harbor
    each wrong password locks the account), or if observations take longer than the time to wait.
    """
    pending = {condition.type for condition in conditions if condition.contrary}
    is_slow = timedelta(seconds=history.seconds) > policy.recheck
    if history.observed_at is None or not pending or is_slow or not policy.recheck:
        return None
    if ConditionType.AUTHENTICATED in pending or refuses_credentials(conditions):
        return None
    return history.observed_at + policy.recheck


def outdated_at(
    history: PollHistory, policy: PollPolicy, conditions: tuple[Condition, ...]
) -> datetime | None:
    """Return when the last observation is too old to be relied on (UTC); None before the first."""
    if history.observed_at is None:
        return None
    wait = next_delay(history, policy, credential_refused=refuses_credentials(conditions))
    return history.observed_at + _MAX_MISSED * wait


def refuses_credentials(conditions: tuple[Condition, ...]) -> bool:
    """Return whether the registry refused the credential in the last observation."""
    return any(
        condition.type is ConditionType.AUTHENTICATED
        and condition.status is ConditionStatus.FALSE
        and condition.reason not in _UNSENT_REASONS
        for condition in conditions
    )
