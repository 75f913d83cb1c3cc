"""Limits: how much one run may take away, and how often a registry is asked."""

from datetime import timedelta

from models.core.base import FrozenModel
from models.core.errors import UnsafePlan


class ChangeLimits(FrozenModel):
    """The brakes.

    Attributes:
        max_share: the largest share of all spaces one plan may narrow, 0 to 1.
        min_count: below this many narrowings the share does not matter.
    """

    max_share: float = 0.3
    min_count: int = 10


def check_change_limit(
    registry: str, count: int, total: int, action: str, limits: ChangeLimits, noun: str = "spaces"
) -> None:
    """Refuse to take away too large a share at once.

    Raises:
        PlanRefused: with the numbers and the way out.
    """
    if count >= limits.min_count and count > limits.max_share * total:
        raise UnsafePlan(
            f"{registry}: this would {action} {count} of {total} {noun} "
            f"({count / max(total, 1):.0%}), more than the limit of {limits.max_share:.0%}; "
            "nothing was changed. If it is right, run it again with 'Allow a large change' on "
            "(for drift: reconcile-registry)"
        )


class PollPolicy(FrozenModel):
    """How often to look.

    Attributes:
        interval: the wish, between two looks at a registry that answers quickly.
        max_interval: the longest anybody waits for a look, unless the wish itself is longer.
        max_load: the share of time one registry may be kept busy by looks, 0 to 1.
    """

    interval: timedelta = timedelta(seconds=60)
    max_interval: timedelta = timedelta(minutes=15)
    max_load: float = 0.1
