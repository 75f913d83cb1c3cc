"""Audit entries for spaces, robot accounts and the health of a registry."""

from collections.abc import Iterable

from models.core.audit import AuditEntry
from models.core.reasons import Reason
from models.registries.changes import (
    ChangeResult,
    CreateRobot,
    CreateSpace,
    DeleteRobot,
    Drift,
    DriftKind,
    RobotChange,
    UpdateRobot,
    summarize_difference,
    summarize_spaces,
)
from models.registries.condition import Health
from models.registries.health import HealthSummary


def drift_entries(drifts: Iterable[Drift], *, first_look: bool) -> tuple[AuditEntry, ...]:
    """Return the audit entries for drifts; appearances in the first observation send no event."""
    return tuple(
        AuditEntry(
            subject=drift.space,
            action=f"space.{drift.kind}",
            before=drift.before,
            after=drift.after,
            reason=f"{drift.action}: {drift.reason}",
            emit_event=not (first_look and drift.kind is DriftKind.APPEARED),
        )
        for drift in drifts
    )


def result_entries(
    outcomes: Iterable[ChangeResult], known_failures: frozenset[tuple[str, str, str]]
) -> tuple[AuditEntry, ...]:
    """Return the audit entries for applied changes and new failures.

    A change that was already in effect has no entry.

    Args:
        outcomes: results of the changes.
        known_failures: (subject, kind, reason) of failures that are already on record.
    """
    return tuple(
        _result_entry(outcome)
        for outcome in outcomes
        if (
            outcome.reason is Reason.DONE
            if outcome.succeeded
            else (outcome.change.subject, outcome.change.kind, outcome.reason) not in known_failures
        )
    )


def _result_entry(outcome: ChangeResult) -> AuditEntry:
    change = outcome.change
    if isinstance(change, CreateRobot | UpdateRobot | DeleteRobot):
        return _robot_entry(change, outcome)
    event = "space.created" if isinstance(change, CreateSpace) else "space.visibility-set"
    return AuditEntry(
        subject=change.space,
        action=event if outcome.succeeded else "space.change-failed",
        before=change.before.value if change.before else "",
        after=change.after.value,
        reason=f"{change.reason}" if outcome.succeeded else f"{outcome.reason}: {outcome.message}",
    )


def _robot_entry(change: RobotChange, outcome: ChangeResult) -> AuditEntry:
    events = {
        "make-grant": "grant.made",
        "edit-grant": "grant.changed",
        "revoke-grant": "grant.revoked",
    }
    why = f"{change.reason}: {summarize_difference(change.before, change.after)}".removesuffix(": ")
    return AuditEntry(
        subject=change.workspace,
        workspace=change.workspace,
        action=events[change.kind] if outcome.succeeded else "grant.failed",
        before=summarize_spaces(change.before),
        after=summarize_spaces(change.after),
        reason=why if outcome.succeeded else f"{outcome.reason}: {outcome.message}",
    )


def health_entries(
    registry: str, before: HealthSummary, after: HealthSummary
) -> tuple[AuditEntry, ...]:
    """Return the audit entry for a change of health, except for the first healthy result."""
    if before.health is after.health or after.health is Health.UNKNOWN:
        return ()
    if after.health is Health.HEALTHY and before.health is Health.UNKNOWN:
        return ()
    word = "recovered" if after.health is Health.HEALTHY else after.health.value
    return (
        AuditEntry(
            subject=registry,
            action=f"registry.{word}",
            before=before.health.value,
            after=after.health.value,
            reason=f"{after.reason}: {after.message}",
        ),
    )
