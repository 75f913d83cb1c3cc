"""Resolve the claim of an object to be a Harbor that is on record with another object.

`kubectl replace --force`, an Argo CD Replace or another chart name recreate a Deployment with
another uid, and a Harbor can move to another namespace and keep its URL. The database can be the
same, or a new one with the same names: the robot accounts of this installation distinguish them.
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
    """Return when a claimant's password may be tried again (UTC); None if it may be tried now.

    Each refused password locks Harbor's administrator account for 1.5 seconds for all clients
    (https://github.com/goharbor/harbor/blob/main/src/core/auth/authenticator.go).
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
    active_bindings: int,
    linked_harbor: ManagedHarborRecord | None,
    record: ManagedHarborRecord | None,
) -> Relocate | Replace | SetState:
    """Return the step for a claim, given the robot accounts read with the claimant's own password.

    Args:
        claim: the claim.
        robots: own robot accounts at the registry's saved address; unavailable if the password was
            refused or the list is not complete.
        robot_accounts: robot accounts on record for the registry.
        now: time of the check (UTC).
        active_bindings: number of the registry's bindings that are not held.
        linked_harbor: record of the object that the registry is linked to.
        record: record of the claimant.
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
        case IdentityMatch.NO_RECORD if not active_bindings:
            return Replace(harbor=claim.harbor, registry=claim.registry, previous=linked_harbor)
        case _:
            return _leave_unconfirmed(
                claim, _doubt_reason(comparison, active_bindings), linked_harbor, record
            )


def _doubt_reason(comparison: IdentityComparison, active_bindings: int) -> str:
    if comparison.match is IdentityMatch.NO_RECORD:
        return (
            f"no robot account of it is on record to compare with, and it has "
            f"{pluralize(active_bindings, 'active binding')}"
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
    ref, name = claim.harbor.ref, claim.registry
    is_linked = linked_harbor is not None and linked_harbor.ref == ref
    message = (
        f"it is not confirmed that this is the Harbor of {name}; nothing was changed: {why}. The "
        f"password in its own Secret must work at its address. If that is not possible, run "
        f"update-registry for {name} with credentials, or remove-registry to start again"
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
    # The number of refusals determines the delay before the next attempt.
    refusals = (record.refusals if record else 0) + 1
    message = (
        f"{note.record.message}. The next attempts wait longer each time, up to 15 minutes; to "
        "retry now, run integrate-managed-harbor"
    )
    update = {"refusals": refusals, "refused_at": now, "message": message}
    return SetState(record=note.record.model_copy(update=update))
