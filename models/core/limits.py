"""Limits: how much one run may remove, and how often a registry is polled."""

from datetime import timedelta

from models.core.base import FrozenModel


class ChangeLimits(FrozenModel):
    """Safety limits for one plan.

    Attributes:
        max_share: largest share of the items that one plan may remove, 0 to 1.
        min_count: plans with fewer removals than this are always allowed.
    """

    max_share: float = 0.3
    min_count: int = 10


class LimitExceeded(FrozenModel):
    """A plan removes too large a share of the items.

    Attributes:
        count: items that the plan removes.
        total: items that exist.
        message: the numbers, and what to do.
    """

    count: int
    total: int
    message: str


def exceeded_limit(
    target: str, count: int, total: int, action: str, limits: ChangeLimits, noun: str = "spaces"
) -> LimitExceeded | None:
    """Return the exceeded limit if a plan removes too large a share of the items, else None.

    Args:
        target: registry or cluster, for the message.
        count: items that the plan removes.
        total: items that exist.
        action: verb for the message, e.g. "delete".
        limits: the safety limits.
        noun: plural noun for the items.
    """
    if not is_limit_exceeded(count, total, limits):
        return None
    message = (
        f"{target}: this would {action} {count} of {total} {noun} "
        f"({count / max(total, 1):.0%}), more than the limit of {limits.max_share:.0%}; "
        "these changes were not made. If this is intended, run it again with 'Allow a large "
        "change' on (for drift: reconcile-registry)"
    )
    return LimitExceeded(count=count, total=total, message=message)


def is_limit_exceeded(count: int, total: int, limits: ChangeLimits) -> bool:
    """Return whether removing `count` of `total` items exceeds the limits."""
    return count >= limits.min_count and count > limits.max_share * total


class PollPolicy(FrozenModel):
    """How often to observe a registry.

    Attributes:
        interval: configured time between two observations of a registry that responds quickly.
        max_interval: longest time between two observations, unless `interval` is longer.
        recheck: time after which a failure that is not confirmed is observed again; zero waits for
            the next interval.
        max_load: largest share of time that observations may keep one registry busy, 0 to 1.
    """

    interval: timedelta = timedelta(seconds=60)
    max_interval: timedelta = timedelta(minutes=15)
    recheck: timedelta = timedelta(seconds=15)
    max_load: float = 0.1
