"""The plan for a registry: ordered changes and safety limits, as data for a dry run or apply."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from models.core.base import FrozenModel
from models.core.limits import ChangeLimits, LimitExceeded, exceeded_limit
from models.core.reasons import Reason
from models.core.text import shorten
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
"""Reasons for deleting a robot account without a request of a user."""


class Plan(FrozenModel):
    """The planned changes to one registry and its records.

    Attributes:
        changes: changes that reduce access first, then the others.
        drifts: detected differences and how they are handled.
        updated_spaces: new records of spaces whose record changes.
        expired_spaces: names of spaces that were missing longer than the grace period; their
            records are deleted.
        bindings_to_hold: names of spaces that are not the recorded ones, with the reason for
            holding their bindings.
        updated_robots: new records of robot accounts that Harbor reports differently.
        deleted_robot_ids: ids of recorded robot accounts that no longer exist.
        refused_workspaces: see `RobotPlan`.
        space_count, robot_count: number of spaces and of own robot accounts; the shares of the
            safety limits refer to them.
        withheld_count: number of changes that were removed from the plan: they exceed a safety
            limit, or need a key for new secrets.
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
    refused_workspaces: tuple[str, ...] = ()
    space_count: int = 0
    robot_count: int = 0
    withheld_count: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether the plan contains neither changes nor drifts."""
        return not (self.changes or self.drifts)

    @property
    def first_part(self) -> str:
        """The name of the first part of the plan that is not empty; empty if there is none."""
        empty_plan = Plan(registry=self.registry, created_at=self.created_at)
        parts = (name for name in Plan.model_fields if name not in ("space_count", "robot_count"))
        changed = (name for name in parts if getattr(self, name) != getattr(empty_plan, name))
        return next(changed, "").replace("_", " ")

    @property
    def refused_message(self) -> str:
        """That new secrets of robot accounts are refused, and what to do; empty if none is."""
        if not self.refused_workspaces:
            return ""
        names = shorten(", ".join(self.refused_workspaces), 200)
        return (
            f"the registry refuses the new secret of the robot account of {names}: their "
            "namespaces cannot pull. It gets another secret every 15 minutes; check the "
            "authentication of the registry, and any proxy in front of it"
        )

    def with_robot_plan(self, robot_plan: RobotPlan, robots: int) -> "Plan":
        """Return the plan extended by a plan for robot accounts.

        Args:
            robot_plan: the plan for robot accounts.
            robots: number of own robot accounts.
        """
        return self.model_copy(
            update={
                "changes": order_changes([*self.changes, *robot_plan.changes]),
                "updated_robots": robot_plan.updated_robots,
                "deleted_robot_ids": robot_plan.deleted_robot_ids,
                "refused_workspaces": robot_plan.refused_workspaces,
                "robot_count": robots,
            }
        )

    def with_held_bindings(self, reasons: Mapping[str, str]) -> "Plan":
        """Return the plan extended by spaces whose bindings are held, with the reasons."""
        bindings_to_hold = {**reasons, **self.bindings_to_hold}
        return self.model_copy(update={"bindings_to_hold": bindings_to_hold})

    def without_new_robots(self) -> "Plan":
        """Return the plan without new robot accounts; removals need no encryption key."""
        return self._with_only(
            change for change in self.changes if not isinstance(change, CreateRobot)
        )

    def _with_only(self, changes: Iterable[Change]) -> "Plan":
        changes = tuple(changes)
        withheld_count = self.withheld_count + len(self.changes) - len(changes)
        return self.model_copy(update={"changes": changes, "withheld_count": withheld_count})

    @property
    def creates_robots(self) -> bool:
        """Whether the plan creates robot accounts, whose secrets must be stored."""
        return any(isinstance(change, CreateRobot) for change in self.changes)

    def exceeded_limit(self, limits: ChangeLimits) -> LimitExceeded | None:
        """Return the first safety limit that the plan exceeds; None if it exceeds none.

        Urgent deletions, which end access without a binding, do not count: unbinding was checked
        when it was requested.
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
        forgotten_count = len(self.deleted_robot_ids)
        removals = (
            (private_count, self.space_count, "make private", "spaces"),
            (len(self.expired_spaces), self.space_count, "forget", "spaces"),
            (deletion_count, self.robot_count, "delete", "robot accounts"),
            (forgotten_count, self.robot_count + forgotten_count, "forget", "robot accounts"),
        )
        exceeded = (
            exceeded_limit(self.registry, count, total, action, limits, noun)
            for count, total, action, noun in removals
        )
        return next((limit for limit in exceeded if limit is not None), None)

    def safe_subset(self) -> "Plan":
        """Return the part of the plan that is applied if it exceeds the safety limits.

        It records observations and contains the urgent changes to robot accounts, so an unbinding
        takes effect even if the rest of the plan is unsafe.
        """
        urgent = (
            change
            for change in self.changes
            if isinstance(change, RobotChange) and change.is_urgent
        )
        plan = self._with_only(urgent).with_reported_drifts("the plan exceeds the safety limits")
        drifts = (drift for drift in plan.drifts if drift.kind is not DriftKind.EXPIRED)
        return plan.model_copy(
            update={"expired_spaces": (), "deleted_robot_ids": (), "drifts": tuple(drifts)}
        )

    def for_read_only(self, reason: str, limits: ChangeLimits | None) -> "Plan":
        """Return the plan for a registry that accepts no changes now: its changes wait.

        Args:
            reason: why the registry accepts no changes.
            limits: the safety limits, which still apply to the records; None to lift them.
        """
        is_unsafe = limits is not None and self.exceeded_limit(limits) is not None
        return (self.safe_subset() if is_unsafe else self).with_reported_drifts(reason)

    def with_reported_drifts(self, reason: str) -> "Plan":
        """Return the plan with drifts that are only reported, and the reason for that."""
        update = {"action": DriftAction.REPORTED, "reason": f"not changed: {reason}"}
        drifts = (
            drift.model_copy(update=update) if drift.action is DriftAction.ENFORCED else drift
            for drift in self.drifts
        )
        return self.model_copy(update={"drifts": tuple(drifts)})


def order_changes(changes: list[Change]) -> tuple[Change, ...]:
    """Sort changes that reduce access before the others, each group by subject and kind."""
    by_name = sorted(changes, key=lambda change: (change.subject, change.kind))
    return tuple(sorted(by_name, key=lambda change: not change.reduces_access))
