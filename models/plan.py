"""A plan: ordered changes with brakes. Plain data, shown as a dry run or handed to apply."""

from datetime import datetime

from models.base import Value
from models.change import Change, Drift, DriftKind, Handling
from models.errors import PlanRefused
from models.space import Space


class Limits(Value):
    """The brakes.

    Attributes:
        share: the largest share of all spaces one plan may narrow, 0 to 1.
        floor: below this many narrowings the share does not matter.
    """

    share: float = 0.3
    floor: int = 10


class Plan(Value):
    """What is to be done about one registry.

    Attributes:
        changes: narrowing ones first, then widening ones.
        drifts: what was found to differ, and how it is dealt with.
        remembered: spaces whose record changes, as they are to be recorded.
        retired: names of spaces that were missing beyond their grace and are forgotten.
        spaces: how many spaces are known, the whole that the brakes' share is of.
    """

    registry: str
    made_at: datetime
    changes: tuple[Change, ...] = ()
    drifts: tuple[Drift, ...] = ()
    remembered: tuple[Space, ...] = ()
    retired: tuple[str, ...] = ()
    spaces: int = 0

    @property
    def empty(self) -> bool:
        """Nothing to change and nothing drifted."""
        return not (self.changes or self.drifts)

    def check(self, limits: Limits) -> None:
        """Refuse a plan that takes away too much at once.

        Raises:
            PlanRefused: with the numbers and the way out.
        """
        for many, doing in (
            (sum(change.narrows for change in self.changes), "make private"),
            (len(self.retired), "forget"),
        ):
            check_share(self.registry, many, self.spaces, doing, limits)

    def braked(self) -> "Plan":
        """Return the plan that is left after a refusal: what was seen, and nothing done."""
        drifts = (
            drift.model_copy(
                update={"handling": Handling.REPORTED, "reason": "the plan is refused"}
            )
            if drift.handling is Handling.ENFORCED
            else drift
            for drift in self.drifts
            if drift.kind is not DriftKind.RETIRED
        )
        return self.model_copy(update={"changes": (), "retired": (), "drifts": tuple(drifts)})


def ordered(changes: list[Change]) -> tuple[Change, ...]:
    """Sort narrowing changes before widening ones, by name within each."""
    return tuple(sorted(changes, key=lambda change: (not change.narrows, change.space)))


def check_share(registry: str, many: int, whole: int, doing: str, limits: Limits) -> None:
    """Refuse to take away too large a share at once.

    Raises:
        PlanRefused: with the numbers and the way out.
    """
    if many >= limits.floor and many > limits.share * whole:
        raise PlanRefused(
            f"{registry}: this would {doing} {many} of {whole} spaces ({many / max(whole, 1):.0%}),"
            f" more than the limit of {limits.share:.0%}; nothing was changed. If it is right, run "
            "it again with 'Allow a large change' on (for drift: reconcile-registry)"
        )
