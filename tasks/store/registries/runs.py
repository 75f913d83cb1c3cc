"""Save the findings and results of one run on one registry."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import tuple_
from sqlmodel import Session, col, delete, select

from models.core.runs.context import RunContext
from models.registries.condition import Condition
from models.registries.observation import StorageReading
from models.registries.runs.record import Findings, RunRecord
from models.tables import ChangeResultRow, RegistryRow
from tasks.store import audit, leases
from tasks.store.registries import registries, robots, spaces, statistics
from tasks.store.upsert import upsert

_ROBOT_CHANGE_KINDS = ("make-grant", "edit-grant")


def save_findings(session: Session, registry: str, findings: Findings, context: RunContext) -> None:
    """Save the findings of an observation, before the changes of the plan are applied.

    Raises:
        LeaseHeld: the lease was lost; nothing is saved, and no change may be applied.
    """
    leases.check_lease(session, registry, context.lease_id)
    spaces.save_spaces(session, registry, findings.updated_spaces)
    spaces.delete_spaces(session, registry, findings.expired_spaces)
    audit.append(session, registry, findings.audit_entries, context)


def save_run(
    session: Session,
    registry: str,
    run_record: RunRecord,
    context: RunContext,
    storage: StorageReading | None = None,
) -> None:
    """Save the results of a run, and the storage usage if it was read.

    Raises:
        LeaseHeld: the lease was lost; nothing is saved.
    """
    leases.check_lease(session, registry, context.lease_id)
    row = session.get_one(RegistryRow, registry, with_for_update=True)
    row.looked_at = run_record.poll_history.observed_at
    row.look_seconds = run_record.poll_history.seconds
    row.failures = run_record.poll_history.failures
    row.pull_user_proof = run_record.pull_user_proof
    row.pull_user_refused = run_record.pull_user_attempts.refused
    row.pull_user_failures = run_record.pull_user_attempts.failures
    row.pull_user_tried_at = run_record.pull_user_attempts.tried_at
    row.spaces_read_at = run_record.spaces_read_at or row.spaces_read_at
    session.add(row)
    registries.save_conditions(session, registry, run_record.conditions)
    robots.update_robots(session, registry, run_record.updated_robots)
    observed_at = run_record.poll_history.observed_at
    robots.delete_robots(session, registry, run_record.deleted_robot_ids, observed_at)
    _save_results(session, registry, run_record, context.now)
    save_findings(session, registry, run_record, context)
    if run_record.baseline is not None:  # after the spaces: to save one deletes it
        row.baseline = run_record.baseline.model_dump(mode="json")
    if storage is not None:
        statistics.save_storage(session, registry, storage, context.now)


def save_conditions(
    session: Session, registry: str, conditions: Iterable[Condition], context: RunContext
) -> None:
    """Save only the conditions of a registry, after a run that did not end.

    Raises:
        LeaseHeld: the lease was lost; nothing is saved.
    """
    leases.check_lease(session, registry, context.lease_id)
    registries.save_conditions(session, registry, conditions)


def prune_results(session: Session, before: datetime, limit: int) -> int:
    """Delete up to `limit` change results older than `before`; return how many were deleted."""
    key = tuple_(
        col(ChangeResultRow.registry_name), col(ChangeResultRow.subject), col(ChangeResultRow.kind)
    )
    old = (
        select(ChangeResultRow.registry_name, ChangeResultRow.subject, ChangeResultRow.kind)
        .where(col(ChangeResultRow.at) < before)
        .limit(limit)
    )
    deleted: int = session.exec(delete(ChangeResultRow).where(key.in_(old))).rowcount
    return deleted


def _save_results(session: Session, registry: str, run_record: RunRecord, now: datetime) -> None:
    rows = [
        {
            "registry_name": registry,
            "subject": result.change.subject,
            "kind": result.change.kind,
            "at": now,
            "done": result.succeeded,
            "reason": result.reason,
            "message": result.message,
        }
        for result in run_record.results
    ]
    upsert(session, ChangeResultRow, rows)


def list_failures(session: Session, registry: str) -> frozenset[tuple[str, str, str]]:
    """Return (subject, kind, reason) of changes whose last attempt failed."""
    rows = session.exec(
        select(ChangeResultRow).where(
            col(ChangeResultRow.registry_name) == registry, col(ChangeResultRow.done).is_(False)
        )
    )
    return frozenset((row.subject, row.kind, row.reason) for row in rows)


def list_robot_failures(
    session: Session, names: Collection[str] | None = None
) -> dict[tuple[str, str], str]:
    """Return the last error of robot account changes, by registry and workspace.

    Args:
        session: the transaction.
        names: names of registries; None for all.
    """
    query = select(ChangeResultRow).where(
        col(ChangeResultRow.done).is_(False), col(ChangeResultRow.kind).in_(_ROBOT_CHANGE_KINDS)
    )
    if names is not None:
        query = query.where(col(ChangeResultRow.registry_name).in_(names))
    return {
        (row.registry_name, row.subject): f"{row.reason}: {row.message}"
        for row in session.exec(query)
    }
