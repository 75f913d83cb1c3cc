"""A plan: ordered changes with brakes. Plain data, shown as a dry run or handed to apply."""

from collections.abc import Mapping
from datetime import datetime

from models.core.base import FrozenModel
from models.core.errors import UnsafePlan
from models.core.limits import ChangeLimits, check_change_limit
from models.core.reasons import Reason
from models.registries.changes import (
    Change,
    CreateRobot,
    DeleteRobot,
    Drift,
    DriftAction,
    DriftKind,
    RobotChange,
    SetVisibility,
)
from models.registries.robot_plan import RobotPlan
from models.registries.robots import RobotAccount
from models.registries.space import Space

_DRIFT_REASONS = (Reason.SPACES_MISSING, Reason.ORPHANED)
"""Why a robot account goes although nobody asked for it here."""


class Plan(FrozenModel):
    """What is to be done about one registry.

    Attributes:
        changes: narrowing ones first, then widening ones.
        drifts: what was found to differ, and how it is dealt with.
        updated_spaces: spaces whose record changes, as they are to be recorded.
        expired_spaces: names of spaces that were missing beyond their grace and are forgotten.
        bindings_to_hold: spaces that are others than those on record under their names, each with
            the reason why its bindings are held.
        updated_robots: grants whose record changes, because Harbor shows them otherwise.
        deleted_robot_ids: ids of recorded robot accounts that are not there any more.
        space_count, robots: how many spaces and robot accounts of ours are known, the wholes that
            the brakes' shares are of.
    """

    registry: str
    created_at: datetime
    changes: tuple[Change, ...] = ()
    drifts: tuple[Drift, ...] = ()
    updated_spaces: tuple[Space, ...] = ()
    expired_spaces: tuple[str, ...] = ()
    bindings_to_hold: Mapping[str, str] = {}
    updated_robots: tuple[RobotAccount, ...] = ()
    deleted_robot_ids: tuple[int, ...] = ()
    space_count: int = 0
    robot_count: int = 0

    @property
    def is_empty(self) -> bool:
        """Nothing to change and nothing drifted."""
        return not (self.changes or self.drifts)

    def with_robot_plan(self, robot_plan: RobotPlan, robots: int) -> "Plan":
        """Return the plan with what is to be done about robot accounts."""
        return self.model_copy(
            update={
                "changes": order_changes([*self.changes, *robot_plan.changes]),
                "updated_robots": robot_plan.updated_robots,
                "deleted_robot_ids": robot_plan.deleted_robot_ids,
                "robot_count": robots,
            }
        )

    def with_held_bindings(self, reasons: Mapping[str, str]) -> "Plan":
        """Return the plan with the bindings of more spaces held, each for its reason."""
        bindings_to_hold = {**reasons, **self.bindings_to_hold}
        return self.model_copy(update={"bindings_to_hold": bindings_to_hold})

    def without_new_robots(self) -> "Plan":
        """Return the plan without the robot accounts it would make.

        What is taken away needs no secret to be kept, and does not wait for anybody's key.
        """
        changes = (change for change in self.changes if not isinstance(change, CreateRobot))
        return self.model_copy(update={"changes": tuple(changes)})

    @property
    def creates_robots(self) -> bool:
        """Whether a secret will have to be kept."""
        return any(isinstance(change, CreateRobot) for change in self.changes)

    def raise_if_unsafe(self, limits: ChangeLimits) -> None:
        """Refuse a plan that takes away too much at once.

        What ends access that no binding justifies does not count: an unbinding was checked when
        somebody asked for it, and nothing else that is wrong with the robot account delays it.

        Raises:
            PlanRefused: with the numbers and the way out.
        """
        private_count = sum(
            isinstance(change, SetVisibility) and change.reduces_access for change in self.changes
        )
        deletion_count = sum(
            isinstance(change, DeleteRobot)
            and change.reason in _DRIFT_REASONS
            and not change.is_urgent
            for change in self.changes
        )
        for count, action in (
            (private_count, "make private"),
            (len(self.expired_spaces), "forget"),
        ):
            check_change_limit(self.registry, count, self.space_count, action, limits)
        check_change_limit(
            self.registry, deletion_count, self.robot_count, "delete", limits, "robot accounts"
        )
        robot_total = self.robot_count + len(self.deleted_robot_ids)
        check_change_limit(
            self.registry,
            len(self.deleted_robot_ids),
            robot_total,
            "forget",
            limits,
            "robot accounts",
        )

    def unsafe_reason(self, limits: ChangeLimits) -> str:
        """Say why the brakes refuse the plan; empty if they do not."""
        try:
            self.raise_if_unsafe(limits)
        except UnsafePlan as error:
            return str(error)
        return ""

    def safe_subset(self) -> "Plan":
        """Return the plan that is left after a refusal: what was seen, and what ends access.

        Nothing else is done; but no drift keeps an unbinding from taking effect, whatever else is
        to be done about the same robot account, and whoever we are to the registry.
        """
        update = {"action": DriftAction.REPORTED, "reason": "the plan is refused"}
        drifts = (
            drift.model_copy(update=update) if drift.action is DriftAction.ENFORCED else drift
            for drift in self.drifts
            if drift.kind is not DriftKind.EXPIRED
        )
        urgent = (
            change
            for change in self.changes
            if isinstance(change, RobotChange) and change.is_urgent
        )
        return self.model_copy(
            update={
                "changes": tuple(urgent),
                "expired_spaces": (),
                "deleted_robot_ids": (),
                "drifts": tuple(drifts),
            }
        )


def order_changes(changes: list[Change]) -> tuple[Change, ...]:
    """Sort narrowing changes before widening ones, by name within each."""
    by_name = sorted(changes, key=lambda change: (change.subject, change.kind))
    return tuple(sorted(by_name, key=lambda change: not change.reduces_access))
