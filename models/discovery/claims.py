"""Decide about an object that says it stands for a Harbor which another object stood for.

A Deployment is made again with another uid by `kubectl replace --force`, an Argo CD Replace or
another chart name, and a Harbor can move to another namespace under its URL: the database inside is
the same. Or the database is new, and only names are the same. Our robot accounts inside tell.
"""

from collections.abc import Iterable
from datetime import datetime

from models.core.availability import Seen, Unseen
from models.core.limits import Cadence
from models.core.plural import amount
from models.core.reasons import Reason
from models.discovery.identity import Comparison, Likeness, compare
from models.discovery.managed_harbor import Managed, Standing
from models.discovery.steps import Note, Prove, Relocate, Replace
from models.registries.robots import Grant, ObservedRobot
from models.registries.schedule import Track, wait_for

_REFUSED = (Reason.UNAUTHORIZED, Reason.BAD_CREDENTIALS, Reason.ADMIN_PASSWORD_DRIFTED)


def retry_at(managed: Managed, cadence: Cadence) -> datetime | None:
    """Return when a claimant's password is tried again (UTC); None if it may be tried now.

    Each refused password locks the account of the Harbor's administrator for 1.5 seconds, for
    everybody (https://github.com/goharbor/harbor/blob/main/src/core/auth/authenticator.go).
    """
    if managed.refused_at is None:
        return None
    track = Track(failures=managed.refusals - 1)
    return managed.refused_at + wait_for(track, cadence, hammering=True)


def settle_claim(
    claim: Prove,
    robots: Seen[ObservedRobot] | Unseen,
    grants: Iterable[Grant],
    *,
    now: datetime,
    bindings: int,
    holder: Managed | None,
    known: Managed | None,
) -> Relocate | Replace | Note:
    """Decide what becomes of a claim, from what the password in the claimant's own Secret showed.

    Args:
        robots: our robot accounts at the registry's saved address; unseen if the password did not
            open it, or if anything else is not certain.
        grants: on record of the registry.
        now: when that was (UTC).
        bindings: how many the registry has, held ones too.
        holder: the object that the registry is linked to.
        known: the claimant as it was left.
    """
    if isinstance(robots, Unseen):
        note = _unproved(claim, robots.message, holder, known)
        return _with_refusal(note, known, now) if robots.reason in _REFUSED else note
    found = compare(grants, robots.items)
    match found.likeness:
        case Likeness.SAME:
            return Relocate(harbor=claim.harbor, registry=claim.registry, holder=holder)
        case Likeness.OTHER:
            return Replace(harbor=claim.harbor, registry=claim.registry, holder=holder)
        case Likeness.NO_RECORD if not bindings:
            return Replace(harbor=claim.harbor, registry=claim.registry, holder=holder)
        case _:
            return _unproved(claim, _doubt(found, bindings), holder, known)


def _doubt(found: Comparison, bindings: int) -> str:
    if found.likeness is Likeness.NO_RECORD:
        return (
            f"no robot account of it is on record to compare with, and it has "
            f"{amount(bindings, 'binding')}"
        )
    return f"only {found.present} of the {found.recorded} robot accounts on record are in it"


def _unproved(claim: Prove, why: str, holder: Managed | None, known: Managed | None) -> Note:
    """Nothing changes; the claim is checked again by a later discovery."""
    place, name = claim.harbor.place, claim.registry
    holds = holder is not None and holder.place == place
    message = (
        f"it is not proved that this is the Harbor of {name}, of which nothing is changed: {why}. "
        f"The password in its own Secret has to open it at its address; if that cannot be, run "
        f"update-registry for {name} with credentials, or remove-registry to start anew"
    )
    return Note(
        managed=Managed(
            place=place,
            uid=holder.uid if holder and holds else claim.harbor.uid,
            standing=Standing.UNPROVED,
            registry=name if holds else "",
            message=message,
            missing_since=known.missing_since if known else None,
        )
    )


def _with_refusal(note: Note, known: Managed | None, now: datetime) -> Note:
    """Count a refused password, so that the next try waits longer."""
    refusals = (known.refusals if known else 0) + 1
    message = (
        f"{note.managed.message}. The next attempts wait longer each time, up to 15 minutes; to "
        "retry now, run integrate-managed-harbor"
    )
    update = {"refusals": refusals, "refused_at": now, "message": message}
    return Note(managed=note.managed.model_copy(update=update))
