"""Write down one run on one registry, all of it or nothing."""

from datetime import datetime

from sqlalchemy import tuple_
from sqlmodel import Session, col, delete, select

from models.registries.plan import Plan
from models.registries.run_record import Conclusion, drift_entries
from models.tables import OutcomeRow, RegistryRow
from tasks.store import audit, leases
from tasks.store.access import bindings
from tasks.store.registries import registries, robots, spaces
from tasks.store.upsert import upsert


def save_findings(
    session: Session, plan: Plan, *, first_look: bool, holder: str, at: datetime, flow_run: str
) -> None:
    """Save what a look found, before the plan's changes are made.

    Raises:
        Busy: the run lost its lease meanwhile; nothing is saved, and nothing may be changed.
    """
    leases.check_held(session, plan.registry, holder)
    held = plan.bindings_to_hold
    bindings.hold_spaces(session, plan.registry, held, at=at, flow_run=flow_run)
    spaces.remember(session, plan.registry, plan.remembered)
    spaces.forget(session, plan.registry, plan.retired, at=at, flow_run=flow_run)
    entries = drift_entries(plan.drifts, first_look=first_look)
    audit.write(session, plan.registry, entries, at=at, flow_run=flow_run)


def save_conclusion(
    session: Session,
    registry: str,
    conclusion: Conclusion,
    *,
    holder: str,
    at: datetime,
    flow_run: str,
) -> None:
    """Save a run's conclusion.

    Raises:
        Busy: the run lost its lease meanwhile; nothing is saved.
    """
    leases.check_held(session, registry, holder)
    row = session.get_one(RegistryRow, registry, with_for_update=True)
    row.looked_at = conclusion.track.looked_at
    row.look_seconds = conclusion.track.seconds
    row.failures = conclusion.track.failures
    row.spaces_read_at = conclusion.spaces_read_at or row.spaces_read_at
    session.add(row)
    registries.save_conditions(session, registry, conclusion.conditions)
    held = conclusion.bindings_to_hold
    bindings.hold_spaces(session, registry, held, at=at, flow_run=flow_run)
    spaces.remember(session, registry, conclusion.spaces)
    spaces.forget(session, registry, conclusion.retired, at=at, flow_run=flow_run)
    robots.note(session, registry, conclusion.grants)
    robots.forget(session, registry, conclusion.revoked)
    _save_outcomes(session, registry, conclusion, at)
    audit.write(session, registry, conclusion.entries, at=at, flow_run=flow_run)


def prune_outcomes(session: Session, before: datetime, most: int) -> int:
    """Delete results of changes that were last tried earlier, at most so many; return how many."""
    key = tuple_(col(OutcomeRow.registry_name), col(OutcomeRow.subject), col(OutcomeRow.kind))
    old = (
        select(OutcomeRow.registry_name, OutcomeRow.subject, OutcomeRow.kind)
        .where(col(OutcomeRow.at) < before)
        .limit(most)
    )
    deleted: int = session.exec(delete(OutcomeRow).where(key.in_(old))).rowcount
    return deleted


def _save_outcomes(session: Session, registry: str, conclusion: Conclusion, at: datetime) -> None:
    rows = [
        {
            "registry_name": registry,
            "subject": outcome.change.subject,
            "kind": outcome.change.kind,
            "at": at,
            "done": outcome.done,
            "reason": outcome.reason,
            "message": outcome.message,
        }
        for outcome in conclusion.outcomes
    ]
    upsert(session, OutcomeRow, rows)


def known_failures(session: Session, registry: str) -> frozenset[tuple[str, str, str]]:
    """Return (space, kind, reason) of changes whose last attempt failed."""
    rows = session.exec(
        select(OutcomeRow).where(
            col(OutcomeRow.registry_name) == registry, col(OutcomeRow.done).is_(False)
        )
    )
    return frozenset((row.subject, row.kind, row.reason) for row in rows)
