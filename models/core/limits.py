"""Limits: how much one run may remove, and how often a registry is polled."""

from datetime import timedelta

from models.core.base import FrozenModel
from models.core.errors import UnsafePlan


class ChangeLimits(FrozenModel):
    """Safety limits for one plan.

    Attributes:
        max_share: largest share of the items that one plan may remove, 0 to 1.
        min_count: plans with fewer removals than this are always allowed.
    """

    max_share: float = 0.3
    min_count: int = 10


def check_change_limit(
    registry: str, count: int, total: int, action: str, limits: ChangeLimits, noun: str = "spaces"
) -> None:
    """Check that a plan does not remove too large a share of the items.

    Args:
        registry: name of the registry or cluster, for the message.
        count: items that the plan removes.
        total: items that exist.
        action: verb for the message, e.g. "delete".
        noun: plural noun for the items.

    Raises:
        UnsafePlan: the plan exceeds the limits; the message contains the numbers and the advice.
    """
    if count >= limits.min_count and count > limits.max_share * total:
        raise UnsafePlan(
            f"{registry}: this would {action} {count} of {total} {noun} "
            f"({count / max(total, 1):.0%}), more than the limit of {limits.max_share:.0%}; "
            "these changes were not made. If this is intended, run it again with 'Allow a large "
            "change' on (for drift: reconcile-registry)"
        )


class PollPolicy(FrozenModel):
    """How often to observe a registry.

    Attributes:
        interval: configured time between two observations of a registry that responds quickly.
        max_interval: longest time between two observations, unless `interval` is longer.
        max_load: largest share of time that observations may keep one registry busy, 0 to 1.
    """

    interval: timedelta = timedelta(seconds=60)
    max_interval: timedelta = timedelta(minutes=15)
    max_load: float = 0.1
