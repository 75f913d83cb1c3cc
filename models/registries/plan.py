"""A plan: ordered changes with brakes. Plain data, shown as a dry run or handed to apply."""

from collections.abc import Mapping
from datetime import datetime

from models.core.base import Value
from models.core.errors import PlanRefused
from models.core.limits import Limits, check_share
from models.core.reasons import Reason
from models.registries.changes import (
    Change,
    Drift,
    DriftKind,
    GrantChange,
    Handling,
    MakeGrant,
    RevokeGrant,
    SetVisibility,
)
from models.registries.robot_plan import GrantPlan
from models.registries.robots import Grant
from models.registries.space import Space

_OBSERVED = (Reason.SPACES_MISSING, Reason.UNWANTED)
"""Why a robot account goes although nobody asked for it here."""


class Plan(Value):
    """What is to be done about one registry.

    Attributes:
        changes: narrowing ones first, then widening ones.
        drifts: what was found to differ, and how it is dealt with.
        remembered: spaces whose record changes, as they are to be recorded.
        retired: names of spaces that were missing beyond their grace and are forgotten.
        bindings_to_hold: spaces that are others than those on record under their names, each with
            the reason why its bindings are held.
        regranted: grants whose record changes, because Harbor shows them otherwise.
        gone: ids of recorded robot accounts that are not there any more.
        spaces, robots: how many spaces and robot accounts of ours are known, the wholes that the
            brakes' shares are of.
    """

    registry: str
    made_at: datetime
    changes: tuple[Change, ...] = ()
    drifts: tuple[Drift, ...] = ()
    remembered: tuple[Space, ...] = ()
    retired: tuple[str, ...] = ()
    bindings_to_hold: Mapping[str, str] = {}
    regranted: tuple[Grant, ...] = ()
    gone: tuple[int, ...] = ()
    spaces: int = 0
    robots: int = 0

    @property
    def empty(self) -> bool:
        """Nothing to change and nothing drifted."""
        return not (self.changes or self.drifts)

    def with_grants(self, grants: GrantPlan, robots: int) -> "Plan":
        """Return the plan with what is to be done about robot accounts."""
        return self.model_copy(
            update={
                "changes": ordered([*self.changes, *grants.changes]),
                "regranted": grants.remembered,
                "gone": grants.gone,
                "robots": robots,
            }
        )

    def holding(self, reasons: Mapping[str, str]) -> "Plan":
        """Return the plan with the bindings of more spaces held, each for its reason."""
        held = {**reasons, **self.bindings_to_hold}
        return self.model_copy(update={"bindings_to_hold": held})

    def without_new_robots(self) -> "Plan":
        """Return the plan without the robot accounts it would make.

        What is taken away needs no secret to be kept, and does not wait for anybody's key.
        """
        changes = (one for one in self.changes if not isinstance(one, MakeGrant))
        return self.model_copy(update={"changes": tuple(changes)})

    @property
    def makes_robots(self) -> bool:
        """Whether a secret will have to be kept."""
        return any(isinstance(change, MakeGrant) for change in self.changes)

    def check(self, limits: Limits) -> None:
        """Refuse a plan that takes away too much at once.

        What ends access that no binding justifies does not count: an unbinding was checked when
        somebody asked for it, and nothing else that is wrong with the robot account delays it.

        Raises:
            PlanRefused: with the numbers and the way out.
        """
        hidden = sum(
            isinstance(change, SetVisibility) and change.narrows for change in self.changes
        )
        revoked = sum(
            isinstance(change, RevokeGrant) and change.reason in _OBSERVED and not change.urgent
            for change in self.changes
        )
        for many, doing in (
            (hidden, "make private"),
            (len(self.retired), "forget"),
        ):
            check_share(self.registry, many, self.spaces, doing, limits)
        check_share(self.registry, revoked, self.robots, "delete", limits, "robot accounts")
        known = self.robots + len(self.gone)
        check_share(self.registry, len(self.gone), known, "forget", limits, "robot accounts")

    def refusal(self, limits: Limits) -> str:
        """Say why the brakes refuse the plan; empty if they do not."""
        try:
            self.check(limits)
        except PlanRefused as refused:
            return str(refused)
        return ""

    def braked(self) -> "Plan":
        """Return the plan that is left after a refusal: what was seen, and what ends access.

        Nothing else is done; but no drift keeps an unbinding from taking effect, whatever else is
        to be done about the same robot account, and whoever we are to the registry.
        """
        drifts = (
            drift.model_copy(
                update={"handling": Handling.REPORTED, "reason": "the plan is refused"}
            )
            if drift.handling is Handling.ENFORCED
            else drift
            for drift in self.drifts
            if drift.kind is not DriftKind.RETIRED
        )
        urgent = (
            change for change in self.changes if isinstance(change, GrantChange) and change.urgent
        )
        return self.model_copy(
            update={"changes": tuple(urgent), "retired": (), "gone": (), "drifts": tuple(drifts)}
        )


def ordered(changes: list[Change]) -> tuple[Change, ...]:
    """Sort narrowing changes before widening ones, by name within each."""
    by_name = sorted(changes, key=lambda change: (change.subject, change.kind))
    return tuple(sorted(by_name, key=lambda change: not change.narrows))
