"""What goes into the audit, and which of it is told as a Prefect event."""

from collections.abc import Iterable

from models.base import Value
from models.change import CreateSpace, Drift, DriftKind, Outcome
from models.condition import Health
from models.health import Diagnosis
from models.reason import Reason
from models.space import Space

EVENTS = {
    "registry.integrated": "a registry was integrated",
    "registry.updated": "address, credentials, TLS, policy or description of a registry changed",
    "registry.removed": "a registry was removed from this service",
    "space.asked": "somebody asked for a space or a visibility (audit only, never sent)",
    "registry.unhealthy": "a registry cannot be used: the reason says why",
    "registry.degraded": "a registry works, but not all of it: the reason says what",
    "registry.recovered": "a registry is healthy again",
    "space.appeared": "a space was seen for the first time",
    "space.missing": "a space is not in its registry any more",
    "space.returned": "a missing space is back",
    "space.recreated": "a space was deleted and made again in its registry",
    "space.retired": "a space was missing beyond its grace and is forgotten",
    "space.visibility-drifted": "a space's visibility was changed in its registry",
    "space.visibility-set": "this service made a space public or private",
    "space.created": "this service created a space",
    "space.change-failed": "a change to a space failed: the reason says why",
}
"""Every event this service sends, and what it means."""


class Entry(Value):
    """One line of the audit.

    Attributes:
        subject: name of the registry, or of the space within it.
        what: the event's name.
        why: the reason, for people.
    """

    subject: str
    what: str
    before: str = ""
    after: str = ""
    why: str = ""
    announce: bool = True


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
            else (outcome.change.space, outcome.change.kind, outcome.reason) not in known_failures
        )
    )


def _outcome_entry(outcome: Outcome) -> Entry:
    change = outcome.change
    done = "space.created" if isinstance(change, CreateSpace) else "space.visibility-set"
    return Entry(
        subject=change.space,
        what=done if outcome.done else "space.change-failed",
        before=change.before.value if change.before else "",
        after=change.after.value,
        why=f"{change.reason}" if outcome.done else f"{outcome.reason}: {outcome.message}",
    )


def wish_entries(wishes: Iterable[Space]) -> tuple[Entry, ...]:
    """Write down what was asked for; what comes of it is announced, not the asking."""
    return tuple(
        Entry(
            subject=wish.name,
            what="space.asked",
            before=wish.observed.value if wish.observed else "",
            after=wish.desired.value if wish.desired else "",
            why="create it" if wish.declared else "set its visibility",
            announce=False,
        )
        for wish in wishes
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
