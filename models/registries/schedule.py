"""Decide when a registry is due for a look: often while it is cheap and well, seldom otherwise."""

from datetime import datetime, timedelta

from models.core.base import Value
from models.core.limits import Cadence
from models.registries.condition import Condition, ConditionType, Status

_BACKOFF_STEPS = 4


class Track(Value):
    """What a registry's last looks were like.

    Attributes:
        looked_at: when the last look began (UTC); None before the first.
        seconds: how long the last complete look took.
        failures: looks in a row that did not succeed.
        doubted_at: when a run that had lost its lease may have changed something (UTC).
    """

    looked_at: datetime | None = None
    seconds: float = 0.0
    failures: int = 0
    doubted_at: datetime | None = None

    @property
    def doubtful(self) -> bool:
        """Whether the last look may have missed what a run did that had lost its lease."""
        return (
            self.doubted_at is not None
            and self.looked_at is not None
            and self.looked_at <= self.doubted_at
        )


def wait_for(track: Track, cadence: Cadence, *, hammering: bool) -> timedelta:
    """Return the time between the last look and the next.

    A slow registry is looked at less often, so that looks keep it busy no more than `load`. One
    that refuses our credential is asked ever less often: each wrong password locks the account
    for everybody for a while (Harbor). One that is merely down is asked as often as ever, since
    that costs it nothing and its return is news.
    """
    wait = max(cadence.interval, timedelta(seconds=track.seconds / cadence.load))
    if hammering:
        wait *= 2 ** min(track.failures, _BACKOFF_STEPS)
    return min(wait, max(cadence.slowest, cadence.interval))


def is_due(
    track: Track, cadence: Cadence, conditions: tuple[Condition, ...], now: datetime
) -> bool:
    """Whether a registry should be looked at now; a second early is on time."""
    if track.looked_at is None:
        return True
    wait = wait_for(track, cadence, hammering=refuses_credentials(conditions))
    return now - track.looked_at >= wait - timedelta(seconds=1)


def refuses_credentials(conditions: tuple[Condition, ...]) -> bool:
    """Whether the last word was that our credential is not accepted."""
    return any(
        condition.type is ConditionType.AUTHENTICATED and condition.status is Status.FALSE
        for condition in conditions
    )
