"""Decide about an object that says it stands for a Harbor which another object stood for.

A Deployment is made again with another uid by `kubectl replace --force`, an Argo CD Replace or
another chart name, and a Harbor can move to another namespace under its URL: the database inside is
the same. Or the database is new, and only names are the same. Our robot accounts inside tell.
"""

from collections.abc import Iterable
from datetime import datetime

from models.core.availability import Complete, Unavailable
from models.core.limits import PollPolicy
from models.core.plural import pluralize
from models.core.reasons import Reason
from models.discovery.identity import IdentityComparison, IdentityMatch, compare_robots
from models.discovery.managed_harbor import AdoptionState, ManagedHarborRecord
from models.discovery.steps import ConfirmIdentity, Relocate, Replace, SetState
from models.registries.robots import ObservedRobot, RobotAccount
from models.registries.schedule import PollHistory, next_delay

_REFUSAL_REASONS = (Reason.UNAUTHORIZED, Reason.BAD_CREDENTIALS, Reason.ADMIN_PASSWORD_DRIFTED)


def next_password_attempt(record: ManagedHarborRecord, policy: PollPolicy) -> datetime | None:
    """Return when a claimant's password is tried again (UTC); None if it may be tried now.

    Each refused password locks the account of the Harbor's administrator for 1.5 seconds, for
    everybody (https://github.com/goharbor/harbor/blob/main/src/core/auth/authenticator.go).
    """
    if record.refused_at is None:
        return None
    history = PollHistory(failures=record.refusals - 1)
    return record.refused_at + next_delay(history, policy, credential_refused=True)


def resolve_claim(
    claim: ConfirmIdentity,
    robots: Complete[ObservedRobot] | Unavailable,
    robot_accounts: Iterable[RobotAccount],
    *,
    now: datetime,
    bindings: int,
    linked_harbor: ManagedHarborRecord | None,
    record: ManagedHarborRecord | None,
) -> Relocate | Replace | SetState:
    """Decide what becomes of a claim, from what the password in the claimant's own Secret showed.

    Args:
        robots: our robot accounts at the registry's saved address; unseen if the password did not
            open it, or if anything else is not certain.
        robot_accounts: on record of the registry.
        now: when that was (UTC).
        bindings: how many the registry has, held ones too.
        linked_harbor: the object that the registry is linked to.
        record: the claimant as it was left.
    """
    if isinstance(robots, Unavailable):
        note = _leave_unconfirmed(claim, robots.message, linked_harbor, record)
        return _with_refusal(note, record, now) if robots.reason in _REFUSAL_REASONS else note
    comparison = compare_robots(robot_accounts, robots.items)
    match comparison.match:
        case IdentityMatch.SAME:
            return Relocate(harbor=claim.harbor, registry=claim.registry, previous=linked_harbor)
        case IdentityMatch.OTHER:
            return Replace(harbor=claim.harbor, registry=claim.registry, previous=linked_harbor)
        case IdentityMatch.NO_RECORD if not bindings:
            return Replace(harbor=claim.harbor, registry=claim.registry, previous=linked_harbor)
        case _:
            return _leave_unconfirmed(
                claim, _doubt_reason(comparison, bindings), linked_harbor, record
            )


def _doubt_reason(comparison: IdentityComparison, bindings: int) -> str:
    if comparison.match is IdentityMatch.NO_RECORD:
        return (
            f"no robot account of it is on record to compare with, and it has "
            f"{pluralize(bindings, 'binding')}"
        )
    return (
        f"only {comparison.present_count} of the {comparison.recorded_count} robot accounts on "
        "record are in it"
    )


def _leave_unconfirmed(
    claim: ConfirmIdentity,
    why: str,
    linked_harbor: ManagedHarborRecord | None,
    record: ManagedHarborRecord | None,
) -> SetState:
    """Nothing changes; the claim is checked again by a later discovery."""
    ref, name = claim.harbor.ref, claim.registry
    is_linked = linked_harbor is not None and linked_harbor.ref == ref
    message = (
        f"it is not proved that this is the Harbor of {name}, of which nothing is changed: {why}. "
        f"The password in its own Secret has to open it at its address; if that cannot be, run "
        f"update-registry for {name} with credentials, or remove-registry to start anew"
    )
    return SetState(
        record=ManagedHarborRecord(
            ref=ref,
            uid=linked_harbor.uid if linked_harbor and is_linked else claim.harbor.uid,
            state=AdoptionState.UNCONFIRMED,
            registry=name if is_linked else "",
            message=message,
            missing_since=record.missing_since if record else None,
        )
    )


def _with_refusal(note: SetState, record: ManagedHarborRecord | None, now: datetime) -> SetState:
    """Count a refused password, so that the next try waits longer."""
    refusals = (record.refusals if record else 0) + 1
    message = (
        f"{note.record.message}. The next attempts wait longer each time, up to 15 minutes; to "
        "retry now, run integrate-managed-harbor"
    )
    update = {"refusals": refusals, "refused_at": now, "message": message}
    return SetState(record=note.record.model_copy(update=update))
