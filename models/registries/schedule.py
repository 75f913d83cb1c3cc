"""Decide when a registry is due for a look: often while it is cheap and well, seldom otherwise."""

from datetime import datetime, timedelta

from models.core.base import FrozenModel
from models.core.limits import PollPolicy
from models.registries.condition import Condition, ConditionStatus, ConditionType

_BACKOFF_STEPS = 4


class PollHistory(FrozenModel):
    """What a registry's last looks were like.

    Attributes:
        observed_at: when the last look began (UTC); None before the first.
        seconds: how long the last complete look took.
        failures: looks in a row that did not succeed.
        lease_lost_at: when a run that had lost its lease may have changed something (UTC).
    """

    observed_at: datetime | None = None
    seconds: float = 0.0
    failures: int = 0
    lease_lost_at: datetime | None = None

    @property
    def may_be_stale(self) -> bool:
        """Whether the last look may have missed what a run did that had lost its lease."""
        return (
            self.lease_lost_at is not None
            and self.observed_at is not None
            and self.observed_at <= self.lease_lost_at
        )


def next_delay(history: PollHistory, policy: PollPolicy, *, credential_refused: bool) -> timedelta:
    """Return the time between the last look and the next.

    A slow registry is looked at less often, so that looks keep it busy no more than `load`. One
    that refuses our credential is asked ever less often: each wrong password locks the account
    for everybody for a while (Harbor). One that is merely down is asked as often as ever, since
    that costs it nothing and its return is news.
    """
    wait = max(policy.interval, timedelta(seconds=history.seconds / policy.max_load))
    if credential_refused:
        wait *= 2 ** min(history.failures, _BACKOFF_STEPS)
    return min(wait, max(policy.max_interval, policy.interval))


def is_due(
    history: PollHistory, policy: PollPolicy, conditions: tuple[Condition, ...], now: datetime
) -> bool:
    """Whether a registry should be looked at now; a second early is on time."""
    if history.observed_at is None:
        return True
    wait = next_delay(history, policy, credential_refused=refuses_credentials(conditions))
    return now - history.observed_at >= wait - timedelta(seconds=1)


def refuses_credentials(conditions: tuple[Condition, ...]) -> bool:
    """Whether the last word was that our credential is not accepted."""
    return any(
        condition.type is ConditionType.AUTHENTICATED and condition.status is ConditionStatus.FALSE
        for condition in conditions
    )
