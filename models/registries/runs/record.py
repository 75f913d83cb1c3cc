"""Summarize an observation, a plan and its results as one record to save."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from models.core.audit import AuditEntry
from models.core.availability import Complete
from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.core.runs.counts import count_changes
from models.registries.changes import (
    ChangeResult,
    CreateSpace,
    DeleteRobot,
    SetVisibility,
    UpdateRobot,
)
from models.registries.condition import (
    CheckResult,
    Condition,
    ConditionStatus,
    ConditionType,
)
from models.registries.health import (
    summarize_health,
    unobserved_checks,
    update_conditions,
)
from models.registries.observation import Snapshot
from models.registries.plan import Plan
from models.registries.record import RegistryRecord
from models.registries.robots import RobotAccount
from models.registries.runs.audit_entries import drift_entries, health_entries, result_entries
from models.registries.runs.baseline import Baseline
from models.registries.schedule import PollHistory, PullUserAttempts
from models.registries.space import Space

EXPIRED_REASON = "the space was missing from the registry for longer than the grace period"


class Findings(FrozenModel):
    """What a run saves about the spaces of a registry.

    Attributes:
        updated_spaces: new records of spaces.
        expired_spaces: names of spaces whose record is deleted.
        bindings_to_hold: names of spaces whose bindings are held, with the reasons.
    """

    updated_spaces: tuple[Space, ...] = ()
    expired_spaces: tuple[str, ...] = ()
    bindings_to_hold: Mapping[str, str] = {}
    audit_entries: tuple[AuditEntry, ...] = ()


class RunRecord(Findings):
    """Everything that one run saves about one registry.

    Attributes:
        updated_robots: new records of robot accounts.
        deleted_robot_ids: ids of robot accounts that no longer exist.
        pull_user_proof, pull_user_attempts: see `RegistryRecord`.
        spaces_read_at: time of the complete list of spaces (UTC); None if it was not complete.
        baseline: the full comparison that the run made; None if it made none.
    """

    conditions: tuple[Condition, ...]
    poll_history: PollHistory
    results: tuple[ChangeResult, ...] = ()
    updated_robots: tuple[RobotAccount, ...] = ()
    deleted_robot_ids: tuple[int, ...] = ()
    spaces_read_at: datetime | None = None
    baseline: Baseline | None = None
    pull_user_proof: str = ""
    pull_user_attempts: PullUserAttempts = PullUserAttempts()


def summarize_findings(record: RegistryRecord, plan: Plan) -> Findings:
    """Return what to save of a plan before its changes are applied."""
    return Findings(
        updated_spaces=plan.updated_spaces,
        expired_spaces=plan.expired_spaces,
        bindings_to_hold=_hold_reasons(plan, plan.expired_spaces),
        audit_entries=drift_entries(plan.drifts, first_look=record.spaces_read_at is None),
    )


def _hold_reasons(plan: Plan, expired_spaces: Iterable[str]) -> dict[str, str]:
    # A later space with the name of an expired one must not inherit its bindings.
    return {**dict.fromkeys(expired_spaces, EXPIRED_REASON), **plan.bindings_to_hold}


def summarize_run(
    record: RegistryRecord,
    spaces: Iterable[Space],
    snapshot: Snapshot,
    plan: Plan,
    outcomes: tuple[ChangeResult, ...] = (),
    *,
    robot_accounts: Iterable[RobotAccount] = (),
    unsafe_reason: str = "",
    failures: frozenset[tuple[str, str, str]] = frozenset(),
    baseline: Baseline | None = None,
) -> RunRecord:
    """Build the record of one run.

    Args:
        record: the registry's record before the run.
        spaces: its spaces on record before the run.
        snapshot: the observation.
        plan: the applied plan; the safe subset if the plan exceeded the safety limits.
        outcomes: results of the plan's changes.
        robot_accounts: robot accounts on record.
        unsafe_reason: why changes were withheld: safety limits, or read-only mode.
        failures: (subject, kind, reason) of failed changes that are already on record.
        baseline: see `RunRecord`.
    """
    checks = (*snapshot.checks, sync_check(snapshot, outcomes, unsafe_reason, plan.refused_message))
    checks += unobserved_checks(record.conditions, checks)
    conditions = update_conditions(record.conditions, checks, snapshot.observed_at)
    expired_spaces = (*plan.expired_spaces, *_rejected_spaces(outcomes))
    return RunRecord(
        conditions=conditions,
        poll_history=_next_poll_history(record.poll_history, snapshot),
        updated_spaces=_updated_spaces(spaces, plan, outcomes),
        expired_spaces=expired_spaces,
        bindings_to_hold=_hold_reasons(plan, expired_spaces),
        results=outcomes,
        updated_robots=_updated_robots(robot_accounts, snapshot, plan, outcomes),
        deleted_robot_ids=(*plan.deleted_robot_ids, *_deleted_robot_ids(outcomes)),
        audit_entries=(
            *drift_entries(plan.drifts, first_look=record.spaces_read_at is None),
            *result_entries(outcomes, failures),
            *health_entries(
                record.registry.name, record.health_summary, summarize_health(conditions)
            ),
        ),
        spaces_read_at=snapshot.observed_at if snapshot.has_spaces else None,
        baseline=baseline,
        pull_user_proof=pull_user_proof(record, conditions, snapshot),
        pull_user_attempts=_pull_user_attempts(record, snapshot),
    )


def _next_poll_history(before: PollHistory, snapshot: Snapshot) -> PollHistory:
    is_success = snapshot.has_spaces or snapshot.has_no_catalog
    return PollHistory(
        observed_at=snapshot.observed_at,
        seconds=snapshot.seconds if is_success else before.seconds,
        failures=0 if is_success else before.failures + 1,
    )


def pull_user_proof(
    record: RegistryRecord, conditions: Iterable[Condition], snapshot: Snapshot
) -> str:
    """Return the fingerprint of the pull-only user that namespaces may receive from now on.

    A user that was accepted replaces the one before; one that is refused, beyond a single
    unconfirmed answer, leaves none. Without a conclusive answer, the last one stays; so does one
    that was accepted while the registry asks for no login, as it may in a moment of maintenance,
    unless the user has changed and the last observation found the registry open, too.

    Args:
        record: the record before the run.
        conditions: the conditions after the run.
        snapshot: the observation, with the checks of the pull-only user.
    """
    check = _pull_user_check(snapshot)
    if check is not None and check.status is ConditionStatus.TRUE:
        if check.reason is not Reason.NO_AUTHENTICATION:
            return snapshot.pull_user_fingerprint or record.pull_user_proof
        return record.open_proof(snapshot.pull_user_fingerprint)
    statuses = {condition.type: condition.status for condition in conditions}
    is_refused = statuses.get(ConditionType.PULL_USER_VALID) is ConditionStatus.FALSE
    return "" if is_refused else record.pull_user_proof


def _pull_user_check(snapshot: Snapshot) -> CheckResult | None:
    checks = {check.type: check for check in snapshot.checks}
    return checks.get(ConditionType.PULL_USER_VALID)


def _pull_user_attempts(record: RegistryRecord, snapshot: Snapshot) -> PullUserAttempts:
    check = _pull_user_check(snapshot)
    if check is None:  # it was not tried
        return record.pull_user_attempts
    if check.reason is not Reason.BAD_CREDENTIALS:
        return PullUserAttempts()
    return record.pull_user_attempts.after_refusal(
        snapshot.pull_user_fingerprint, snapshot.observed_at
    )


def sync_check(
    snapshot: Snapshot,
    outcomes: Sequence[ChangeResult],
    unsafe_reason: str,
    refused_message: str = "",
) -> CheckResult:
    """Return whether the registry matches the desired state."""
    failures = [outcome for outcome in outcomes if not outcome.succeeded]
    unavailable = snapshot.first_unavailable
    status = ConditionStatus.FALSE
    if unavailable is not None:
        status = ConditionStatus.UNKNOWN if _is_unsent(snapshot) else status
        reason, message = unavailable.reason, unavailable.message
    elif unsafe_reason:
        message = unsafe_reason
        reason = Reason.READ_ONLY if snapshot.read_only_reason else Reason.PLAN_REFUSED
    elif failures:
        reason, first = Reason.CHANGES_FAILED, failures[0]
        counts = count_changes(outcomes, outcomes)
        message = f"{counts.summarize_failures()}, first {first.change.subject}: {first.message}"
    elif refused_message:
        reason, message = Reason.SECRET_LOST, refused_message
    else:
        status, reason = ConditionStatus.TRUE, Reason.SYNCED
        message = "all spaces were read and match the desired state"
        if snapshot.has_no_catalog:
            message = "the registry does not list its spaces; those on record are its list"
    return CheckResult(
        type=ConditionType.SYNCED,
        status=status,
        reason=reason,
        message=message,
        confirmed=unavailable is None,
    )


def _is_unsent(snapshot: Snapshot) -> bool:
    """Return whether nothing was sent to the registry, because its credential could not be read.

    The cause is where the credential is, for example a cluster that is down, and is reported there.
    """
    unavailable = snapshot.first_unavailable
    return (
        unavailable is not None
        and unavailable.reason is Reason.CREDENTIALS_UNPROVED
        and not any(check.type is ConditionType.REACHABLE for check in snapshot.checks)
    )


def _rejected_spaces(outcomes: Iterable[ChangeResult]) -> tuple[str, ...]:
    # The registry will never accept these spaces: delete their records to stop further attempts.
    final = (Reason.CONFLICT, Reason.REJECTED, Reason.FORBIDDEN)
    return tuple(
        outcome.change.space
        for outcome in outcomes
        if isinstance(outcome.change, CreateSpace)
        and not outcome.succeeded
        and outcome.reason in final
    )


def _updated_spaces(
    spaces: Iterable[Space], plan: Plan, outcomes: Iterable[ChangeResult]
) -> tuple[Space, ...]:
    records = {space.name: space for space in plan.updated_spaces}
    changes = {
        outcome.change.space: outcome.change
        for outcome in outcomes
        if isinstance(outcome.change, SetVisibility | CreateSpace)
        and outcome.succeeded
        and outcome.reason is not Reason.NOT_FOUND
    }
    missing = changes.keys() - records.keys()
    records.update({space.name: space for space in spaces if space.name in missing})
    for name, change in changes.items():
        if name in records:
            update = {"observed": change.after, "declared": False}
            if isinstance(change, CreateSpace):
                update["desired"] = change.after
            records[name] = records[name].model_copy(update=update)
    return tuple(records.values())


def _updated_robots(
    robot_accounts: Iterable[RobotAccount],
    snapshot: Snapshot,
    plan: Plan,
    outcomes: Iterable[ChangeResult],
) -> tuple[RobotAccount, ...]:
    records = {robot_account.robot_id: robot_account for robot_account in plan.updated_robots}
    before = {robot_account.robot_id: robot_account for robot_account in robot_accounts} | records
    for outcome in outcomes:
        change = outcome.change
        if isinstance(change, UpdateRobot) and outcome.succeeded and change.robot_id in before:
            robot_account = before[change.robot_id]
            records[robot_account.robot_id] = robot_account.model_copy(
                update={"spaces": change.after}
            )
    # An update by this run moves the time in Harbor again, so the next run proves the secret again.
    for robot in snapshot.robots.items if isinstance(snapshot.robots, Complete) else ():
        if robot.secret_accepted and robot.id in before:
            robot_account = records.get(robot.id, before[robot.id])
            records[robot.id] = robot_account.model_copy(update={"proved_at": robot.updated_at})
    return tuple(records.values())


def _deleted_robot_ids(outcomes: Iterable[ChangeResult]) -> tuple[int, ...]:
    return tuple(
        outcome.change.robot_id
        for outcome in outcomes
        if isinstance(outcome.change, DeleteRobot) and outcome.succeeded
    )
