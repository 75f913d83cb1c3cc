"""Decide whether an observation is compared in full with the records of a registry.

An unchanged registry has nothing to compare: what was found to be in the desired state still is, if
neither its lists nor anything else that the plan depends on has changed.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from models.access.robot_state import RobotState
from models.core.base import FrozenModel
from models.registries.observation import Snapshot
from models.registries.plan import Plan
from models.registries.runs.baseline import Baseline
from models.registries.space import Space

RESYNC_INTERVAL = timedelta(minutes=15)
"""Longest time between two full comparisons."""


class ResyncInputs(FrozenModel):
    """What a run knows before it observes a registry.

    Attributes:
        is_requested: whether a person or another flow wants the registry compared in full.
        baseline: the last full comparison; None before the first, and after a space was saved.
        basis: see `Baseline`; empty if it is not known, because a credential is not.
        may_be_stale: whether a run that had lost its lease may have changed the registry since.
        has_rotation: whether a secret is being replaced, see `has_rotation`.
        now: time of the run (UTC).
    """

    is_requested: bool = False
    baseline: Baseline | None
    basis: str
    may_be_stale: bool = False
    has_rotation: bool = False
    now: datetime

    @property
    def known_lists(self) -> str:
        """Digest of lists with which nothing has to be compared; empty if all have to be."""
        return self.baseline.lists if self.baseline and not resync_reason(self) else ""


def resync_reason(inputs: ResyncInputs) -> str:
    """Return why an observation is compared in full; empty if only one with other lists is.

    What depends on time alone must be here: grace periods (by `Baseline.resync_at`) and rotations.
    """
    if inputs.is_requested:
        return "requested"
    baseline = inputs.baseline
    if baseline is None:
        return "there is no earlier comparison, or a record of a space has changed"
    obstacles = {
        "the lists were not read completely": not baseline.lists,
        f"the last comparison found {baseline.unfinished}": baseline.unfinished,
        "it is not known whether the credential has changed": not inputs.basis,
        "settings, records, the credential or the service have changed": (
            inputs.basis != baseline.basis
        ),
        "a secret is being replaced": inputs.has_rotation,
        "a run without a valid lease may have changed the registry": inputs.may_be_stale,
        "the last comparison is too old": not (
            baseline.compared_at <= inputs.now < baseline.resync_at
        ),
    }
    return next((reason for reason, applies in obstacles.items() if applies), "")


def has_rotation(robot_state: RobotState) -> bool:
    """Return whether a secret is being replaced, or will be at a certain time.

    Args:
        robot_state: the state with what is due now, see `RobotState.schedule`.
    """
    return bool(
        robot_state.requested_rotations
        or robot_state.replacements
        or any(departure.left_at is not None for departure in robot_state.departures)
    )


def next_baseline(
    basis: str,
    snapshot: Snapshot,
    plan: Plan,
    spaces: Iterable[Space],
    robot_state: RobotState,
    *,
    unfinished: str,
    grace: timedelta,
) -> Baseline:
    """Return the baseline after a full comparison.

    Args:
        basis: see `Baseline`.
        snapshot: the observation.
        plan: the whole plan, or the part of it that the safety limits allow.
        spaces: the records of spaces that the plan was made with.
        robot_state: the records of bindings and robot accounts that the plan was made with.
        unfinished: why the run did not end as planned, or has to do something again; may be empty.
        grace: how long the record of a missing space is kept.
    """
    ends = [space.missing_since + grace for space in spaces if space.missing_since is not None]
    return Baseline(
        lists="" if snapshot.first_unavailable else snapshot.lists_digest,
        basis=basis,
        unfinished=unfinished or plan.first_part or _doubtful(robot_state, snapshot),
        compared_at=snapshot.observed_at,
        resync_at=min([snapshot.observed_at + RESYNC_INTERVAL, *ends]),
    )


def _doubtful(robot_state: RobotState, snapshot: Snapshot) -> str:
    if snapshot.observer_usable is False:
        return "the observer is not usable"
    unproved_robots = robot_state.unproved_robots(snapshot)
    return f"the secret of {unproved_robots[0].login} was tried" if unproved_robots else ""
