"""What goes into the audit, and which of it is told as a Prefect event."""

from collections.abc import Iterable

from models.base import Value
from models.change import (
    CreateSpace,
    Drift,
    DriftKind,
    EditGrant,
    GrantChange,
    MakeGrant,
    Outcome,
    RevokeGrant,
    difference,
    spaces_told,
)
from models.condition import Health
from models.health import Diagnosis
from models.reason import Reason
from models.space import Space

EVENTS = {
    "registry.integrated": "a registry was integrated",
    "registry.updated": "address, credentials, TLS, policy or description of a registry changed",
    "registry.adopted": "a managed Harbor was integrated by itself, or took one over",
    "registry.followed": "a managed Harbor's address, Secret or authority changed, and is followed",
    "registry.replaced": "a managed Harbor is another one inside; its bindings are held",
    "registry.missing": "a managed Harbor is not in its cluster any more",
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
    "space.bound": "a workspace may pull a space from now on; the subject is space, then workspace",
    "space.unbound": "a workspace may not pull a space any more",
    "space.binding-held": "a space or its Harbor is another one now: its binding grants nothing",
    "grant.made": "a robot account was made for a workspace; the reason tells if it is a rotation",
    "grant.changed": "a workspace's robot account may pull other spaces than before",
    "grant.revoked": "a robot account was deleted",
    "grant.failed": "a robot account could not be made, changed or deleted: the reason says why",
    "workspace.created": "a workspace was created, by hand or because a label names it",
    "workspace.removed": "a workspace was removed",
    "cluster.registered": "a Kubernetes cluster was registered",
    "cluster.updated": "a cluster's credentials or settings changed",
    "cluster.removed": "a cluster was removed from this service",
    "cluster.unreachable": "a cluster cannot be read: the reason says why; nothing is withdrawn",
    "cluster.recovered": "a cluster can be read again",
    "namespace.joined": "a namespace belongs to a workspace from now on",
    "namespace.left": "a namespace does not belong to its workspace any more",
    "namespace.disputed": "a namespace is claimed by several workspaces and belongs to none",
    "secret.delivered": "a namespace's pull secret was written",
    "secret.withdrawn": "a namespace's pull secret was deleted",
    "secret.failed": "a pull secret could not be written or deleted: the reason says why",
}
"""Every event this service sends, and what it means."""


class Entry(Value):
    """One line of the audit.

    Attributes:
        subject: what it is about: a registry, a space, a workspace, a cluster or a namespace.
        cluster, workspace: whose audit it belongs to besides the registry's.
        what: the event's name.
        why: the reason, for people.
    """

    subject: str
    what: str
    before: str = ""
    after: str = ""
    why: str = ""
    cluster: str = ""
    workspace: str = ""
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
