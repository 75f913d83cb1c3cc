"""Conclude from a look, a plan and its outcomes what is to be written down, all in one go."""

from collections.abc import Iterable
from datetime import datetime

from models.audit import Entry, drift_entries, health_entries, outcome_entries
from models.base import Value
from models.change import CreateSpace, Outcome
from models.condition import Condition, ConditionType, Status, Verdict
from models.dossier import Dossier
from models.health import diagnose, settle
from models.plan import Plan
from models.reason import Reason
from models.schedule import Track
from models.snapshot import Seen, Snapshot, Unseen
from models.space import Space


class Conclusion(Value):
    """What one run writes down about one registry.

    Attributes:
        spaces_read_at: time of the list of spaces; None if none was complete.
    """

    conditions: tuple[Condition, ...]
    track: Track
    spaces: tuple[Space, ...] = ()
    retired: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    entries: tuple[Entry, ...] = ()
    spaces_read_at: datetime | None = None


def conclude(
    dossier: Dossier,
    known: Iterable[Space],
    snapshot: Snapshot,
    plan: Plan,
    outcomes: tuple[Outcome, ...] = (),
    *,
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
        outcomes=outcomes,
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
    if isinstance(snapshot.spaces, Unseen):
        status, reason, message = Status.FALSE, snapshot.spaces.reason, snapshot.spaces.message
    elif refused:
        status, reason, message = Status.FALSE, Reason.PLAN_REFUSED, refused
    elif broken:
        status, reason = Status.FALSE, Reason.CHANGES_FAILED
        first = broken[0]
        message = f"{len(broken)} changes failed, first {first.change.space}: {first.message}"
    else:
        status, reason, message = Status.TRUE, Reason.SYNCED, "spaces are read and as wished"
    return Verdict(
        type=ConditionType.SYNCED,
        status=status,
        reason=reason,
        message=message,
        proved=not isinstance(snapshot.spaces, Unseen),
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
        if outcome.done and outcome.reason is not Reason.NOT_FOUND
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
