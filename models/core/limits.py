"""Limits: how much one run may take away, and how often a registry is asked."""

from datetime import timedelta

from models.core.base import Value
from models.core.errors import PlanRefused


class Limits(Value):
    """The brakes.

    Attributes:
        share: the largest share of all spaces one plan may narrow, 0 to 1.
        floor: below this many narrowings the share does not matter.
    """

    share: float = 0.3
    floor: int = 10


def check_share(
    registry: str, many: int, whole: int, doing: str, limits: Limits, what: str = "spaces"
) -> None:
    """Refuse to take away too large a share at once.

    Raises:
        PlanRefused: with the numbers and the way out.
    """
    if many >= limits.floor and many > limits.share * whole:
        raise PlanRefused(
            f"{registry}: this would {doing} {many} of {whole} {what} ({many / max(whole, 1):.0%}),"
            f" more than the limit of {limits.share:.0%}; nothing was changed. If it is right, run "
            "it again with 'Allow a large change' on (for drift: reconcile-registry)"
        )


class Cadence(Value):
    """How often to look.

    Attributes:
        interval: the wish, between two looks at a registry that answers quickly.
        slowest: the longest anybody waits for a look, unless the wish itself is longer.
        load: the share of time one registry may be kept busy by looks, 0 to 1.
    """

    interval: timedelta = timedelta(seconds=60)
    slowest: timedelta = timedelta(minutes=15)
    load: float = 0.1
