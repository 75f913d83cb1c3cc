"""Conclude from a look, a plan and its outcomes what is to be written down, all in one go."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from models.core.audit import Entry
from models.core.availability import Seen
from models.core.base import Value
from models.core.plural import amount
from models.core.reasons import Reason
from models.registries.changes import (
    CreateSpace,
    Drift,
    DriftKind,
    EditGrant,
    GrantChange,
    MakeGrant,
    Outcome,
    RevokeGrant,
    SetVisibility,
    difference,
    spaces_told,
)
from models.registries.condition import Condition, ConditionType, Health, Status, Verdict
from models.registries.health import Diagnosis, diagnose, settle
from models.registries.observation import Snapshot
from models.registries.plan import Plan
from models.registries.record import Dossier
from models.registries.robots import Grant
from models.registries.schedule import Track
from models.registries.space import Space


class Conclusion(Value):
    """What one run writes down about one registry.

    Attributes:
        bindings_to_hold: spaces whose bindings are held, each with the reason.
        grants: records of robot accounts that change.
        revoked: ids of robot accounts that are not there any more.
        spaces_read_at: time of the list of spaces; None if none was complete.
    """

    conditions: tuple[Condition, ...]
    track: Track
    spaces: tuple[Space, ...] = ()
    retired: tuple[str, ...] = ()
    bindings_to_hold: Mapping[str, str] = {}
    outcomes: tuple[Outcome, ...] = ()
    grants: tuple[Grant, ...] = ()
    revoked: tuple[int, ...] = ()
    entries: tuple[Entry, ...] = ()
    spaces_read_at: datetime | None = None


def conclude(
    dossier: Dossier,
    known: Iterable[Space],
    snapshot: Snapshot,
    plan: Plan,
    outcomes: tuple[Outcome, ...] = (),
    *,
    grants: Iterable[Grant] = (),
    refused: str = "",
    failures: frozenset[tuple[str, str, str]] = frozenset(),
) -> Conclusion:
    """Fold one run into what is remembered.

    Args:
        dossier: the registry as it was known before.
        known: its spaces as they were known before.
        snapshot: what was seen.
        plan: what was planned; braked if it was refused.
        outcomes: what became of the plan's changes.
        grants: the robot accounts on record.
        refused: why the brakes refused the plan, if they did.
        failures: (space, kind, reason) of failed changes that are on record already.
    """
    verdicts = (*snapshot.verdicts, sync_verdict(snapshot, outcomes, refused))
    conditions = settle(dossier.conditions, verdicts, snapshot.taken_at)
    seen = isinstance(snapshot.spaces, Seen)
    return Conclusion(
        conditions=conditions,
        track=Track(
            looked_at=snapshot.taken_at,
            seconds=snapshot.seconds if seen else dossier.track.seconds,
            failures=0 if seen else dossier.track.failures + 1,
        ),
        spaces=_records(known, plan, outcomes),
        retired=(*plan.retired, *_given_up(outcomes)),
        bindings_to_hold=plan.bindings_to_hold,
        outcomes=outcomes,
        grants=_grants(grants, plan, outcomes),
        revoked=(*plan.gone, *_revoked(outcomes)),
        entries=(
            *drift_entries(plan.drifts, first_look=dossier.spaces_read_at is None),
            *outcome_entries(outcomes, failures),
            *health_entries(dossier.registry.name, dossier.diagnosis, diagnose(conditions)),
        ),
        spaces_read_at=snapshot.taken_at if seen else None,
    )


def sync_verdict(snapshot: Snapshot, outcomes: Iterable[Outcome], refused: str) -> Verdict:
    """Say whether the registry is as it is wished to be."""
    broken = [outcome for outcome in outcomes if not outcome.done]
    hidden = snapshot.hidden
    if hidden is not None:
        status, reason, message = Status.FALSE, hidden.reason, hidden.message
    elif refused:
        status, reason, message = Status.FALSE, Reason.PLAN_REFUSED, refused
    elif broken:
        status, reason = Status.FALSE, Reason.CHANGES_FAILED
        first = broken[0]
        message = (
            f"{amount(len(broken), 'change')} failed, first {first.change.subject}: {first.message}"
        )
    else:
        status, reason, message = Status.TRUE, Reason.SYNCED, "spaces are read and as wished"
    return Verdict(
        type=ConditionType.SYNCED,
        status=status,
        reason=reason,
        message=message,
        proved=hidden is None,
    )


def _given_up(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """Spaces that were asked for and that the registry will not have: no later run tries again."""
    final = (Reason.CONFLICT, Reason.REJECTED, Reason.FORBIDDEN)
    return tuple(
        outcome.change.space
        for outcome in outcomes
        if isinstance(outcome.change, CreateSpace) and not outcome.done and outcome.reason in final
    )


def _records(known: Iterable[Space], plan: Plan, outcomes: Iterable[Outcome]) -> tuple[Space, ...]:
    """Write down what was seen, and on top of it what was changed since."""
    records = {space.name: space for space in plan.remembered}
    done = {
        outcome.change.space: outcome.change
        for outcome in outcomes
        if isinstance(outcome.change, SetVisibility | CreateSpace)
        and outcome.done
        and outcome.reason is not Reason.NOT_FOUND
    }
    missing = done.keys() - records.keys()
    records.update({space.name: space for space in known if space.name in missing})
    for name, change in done.items():
        if name in records:
            update = {"observed": change.after, "declared": False}
            if isinstance(change, CreateSpace):
                update["desired"] = change.after
            records[name] = records[name].model_copy(update=update)
    return tuple(records.values())


def _grants(known: Iterable[Grant], plan: Plan, outcomes: Iterable[Outcome]) -> tuple[Grant, ...]:
    """Write down how robot accounts were seen, and on top of it what was changed since."""
    records = {grant.robot_id: grant for grant in plan.regranted}
    before = {grant.robot_id: grant for grant in known} | records
    for outcome in outcomes:
        change = outcome.change
        if isinstance(change, EditGrant) and outcome.done and change.robot_id in before:
            grant = before[change.robot_id]
            records[grant.robot_id] = grant.model_copy(update={"spaces": change.after})
    return tuple(records.values())


def _revoked(outcomes: Iterable[Outcome]) -> tuple[int, ...]:
    return tuple(
        outcome.change.robot_id
        for outcome in outcomes
        if isinstance(outcome.change, RevokeGrant) and outcome.done
    )


def drift_entries(drifts: Iterable[Drift], *, first_look: bool) -> tuple[Entry, ...]:
    """Write down drifts. What a first look finds is news to nobody and is not announced."""
    return tuple(
        Entry(
            subject=drift.space,
            what=f"space.{drift.kind}",
            before=drift.before,
            after=drift.after,
            why=f"{drift.handling}: {drift.reason}",
            announce=not (first_look and drift.kind is DriftKind.APPEARED),
        )
        for drift in drifts
    )


def outcome_entries(
    outcomes: Iterable[Outcome], known_failures: frozenset[tuple[str, str, str]]
) -> tuple[Entry, ...]:
    """Write down what was changed, and failures that are not the same as last time.

    What was found to be so already, or gone already, was not changed.

    Args:
        outcomes: what became of the changes.
        known_failures: (space, kind, reason) of failures that are on record already.
    """
    return tuple(
        _outcome_entry(outcome)
        for outcome in outcomes
        if (
            outcome.reason is Reason.DONE
            if outcome.done
            else (outcome.change.subject, outcome.change.kind, outcome.reason) not in known_failures
        )
    )


def _outcome_entry(outcome: Outcome) -> Entry:
    change = outcome.change
    if isinstance(change, MakeGrant | EditGrant | RevokeGrant):
        return _grant_entry(change, outcome)
    done = "space.created" if isinstance(change, CreateSpace) else "space.visibility-set"
    return Entry(
        subject=change.space,
        what=done if outcome.done else "space.change-failed",
        before=change.before.value if change.before else "",
        after=change.after.value,
        why=f"{change.reason}" if outcome.done else f"{outcome.reason}: {outcome.message}",
    )


def _grant_entry(change: GrantChange, outcome: Outcome) -> Entry:
    done = {
        "make-grant": "grant.made",
        "edit-grant": "grant.changed",
        "revoke-grant": "grant.revoked",
    }
    why = f"{change.reason}: {difference(change.before, change.after)}".removesuffix(": ")
    return Entry(
        subject=change.workspace,
        workspace=change.workspace,
        what=done[change.kind] if outcome.done else "grant.failed",
        before=spaces_told(change.before),
        after=spaces_told(change.after),
        why=why if outcome.done else f"{outcome.reason}: {outcome.message}",
    )


def health_entries(registry: str, before: Diagnosis, after: Diagnosis) -> tuple[Entry, ...]:
    """Write down a change of health. Becoming healthy for the first time is no recovery."""
    if before.health is after.health or after.health is Health.UNKNOWN:
        return ()
    if after.health is Health.HEALTHY and before.health is Health.UNKNOWN:
        return ()
    word = "recovered" if after.health is Health.HEALTHY else after.health.value
    return (
        Entry(
            subject=registry,
            what=f"registry.{word}",
            before=before.health.value,
            after=after.health.value,
            why=f"{after.reason}: {after.message}",
        ),
    )
