"""Decisions about health: from what one probe said to conditions, from conditions to one word."""

from collections.abc import Iterable
from datetime import datetime

from models.core.base import Value
from models.core.errors import (
    AddressRefused,
    CredentialNotForOrigin,
    CredentialsMissing,
    CredentialsUnread,
    RegistryError,
    TimedOut,
    TlsFailed,
    Transient,
    Unauthorized,
    Unreachable,
    WrongKind,
)
from models.core.reasons import Reason
from models.registries.condition import Condition, ConditionType, Health, Status, Verdict
from models.registries.registry import NoVerification, Registry, SecretRef

PATIENCE = 2
"""How many unproved answers in a row flip a condition: one blip does not."""

_FATAL = (
    ConditionType.REACHABLE,
    ConditionType.TLS_TRUSTED,
    ConditionType.SUPPORTED,
    ConditionType.AUTHENTICATED,
    ConditionType.SERVING,
)
_HINDERING = (ConditionType.ADMINISTRATOR, ConditionType.WRITABLE, ConditionType.SYNCED)


class Diagnosis(Value):
    """The health in one word, with the condition that decides it."""

    health: Health
    reason: Reason
    message: str
    since: datetime | None = None


def settle(
    before: Iterable[Condition], verdicts: Iterable[Verdict], now: datetime
) -> tuple[Condition, ...]:
    """Fold what a probe said into the conditions known so far.

    A condition that was not asked about keeps its last answer.
    """
    known = {condition.type: condition for condition in before}
    for type_, verdict in _worst(verdicts).items():
        known[type_] = _settle_one(known.get(type_), verdict, now)
    return tuple(known[type_] for type_ in ConditionType if type_ in known)


def _worst(verdicts: Iterable[Verdict]) -> dict[ConditionType, Verdict]:
    """Keep one verdict for each condition: false before unknown before true."""
    rank = {Status.TRUE: 0, Status.UNKNOWN: 1, Status.FALSE: 2}
    worst: dict[ConditionType, Verdict] = {}
    for verdict in verdicts:
        kept = worst.get(verdict.type)
        if kept is None or rank[verdict.status] >= rank[kept.status]:
            worst[verdict.type] = verdict
    return worst


def _settle_one(before: Condition | None, verdict: Verdict, now: datetime) -> Condition:
    heard = Condition(
        type=verdict.type,
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message,
        since=now,
    )
    if before is None or before.status is Status.UNKNOWN:
        return _keep_since(before, heard)
    if verdict.status is before.status:
        return heard.model_copy(update={"since": before.since})
    if verdict.proved or verdict.status is Status.TRUE or before.contrary + 1 >= PATIENCE:
        return heard
    return before.model_copy(update={"contrary": before.contrary + 1})


def _keep_since(before: Condition | None, heard: Condition) -> Condition:
    if before is not None and before.status is heard.status:
        return heard.model_copy(update={"since": before.since})
    return heard


def diagnose(conditions: Iterable[Condition]) -> Diagnosis:
    """Say in one word how a registry is, and which condition says so."""
    known = {condition.type: condition for condition in conditions}
    for health, types in ((Health.UNHEALTHY, _FATAL), (Health.DEGRADED, _HINDERING)):
        for type_ in types:
            found = known.get(type_)
            if found is not None and found.status is Status.FALSE:
                return Diagnosis(
                    health=health, reason=found.reason, message=found.message, since=found.since
                )
    return _diagnose_unfailed(known)


def _diagnose_unfailed(known: dict[ConditionType, Condition]) -> Diagnosis:
    reachable = known.get(ConditionType.REACHABLE)
    if reachable is None or reachable.status is Status.UNKNOWN:
        message = "not probed yet" if reachable is None else reachable.message
        return Diagnosis(health=Health.UNKNOWN, reason=Reason.NOT_PROBED, message=message)
    asked = known.get(ConditionType.AUTHENTICATED)
    if asked is not None and asked.status is Status.UNKNOWN:
        return Diagnosis(
            health=Health.UNKNOWN, reason=asked.reason, message=asked.message, since=asked.since
        )
    return Diagnosis(
        health=Health.HEALTHY,
        reason=reachable.reason,
        message=reachable.message,
        since=max(condition.since for condition in known.values()),
    )


def reached(registry: Registry) -> tuple[Verdict, ...]:
    """Tell what any answer at all proves: somebody is there, and TLS was as it should be."""
    there = Verdict(
        type=ConditionType.REACHABLE,
        status=Status.TRUE,
        reason=Reason.CONNECTED,
        message="answers",
    )
    return there, tls_verdict(registry)


def tls_verdict(registry: Registry) -> Verdict:
    """Say what a completed connection means for TLS."""
    if registry.where.scheme == "http":
        said = "plain http: passwords and images travel readable"
        found = Status.UNKNOWN, Reason.PLAIN_HTTP, said
    elif isinstance(registry.tls, NoVerification):
        said = "the certificate is not verified, as chosen for this registry"
        found = Status.UNKNOWN, Reason.VERIFICATION_OFF, said
    else:
        found = Status.TRUE, Reason.CERTIFICATE_TRUSTED, "the certificate is trusted"
    status, reason, message = found
    return Verdict(
        type=ConditionType.TLS_TRUSTED, status=status, reason=reason, message=message, step="TLS"
    )


def verdicts_from(error: RegistryError) -> tuple[Verdict, ...]:
    """Tell what a failed request says about the registry's health."""
    type_, status = _condition_hit(error)
    return (
        Verdict(
            type=type_,
            status=status,
            reason=error.reason,
            message=error.said,
            proved=not isinstance(error, Transient | Unauthorized),
        ),
    )


def _condition_hit(error: RegistryError) -> tuple[ConditionType, Status]:
    if isinstance(error, Unreachable | TimedOut | AddressRefused):
        return ConditionType.REACHABLE, Status.FALSE
    if isinstance(error, TlsFailed):
        return ConditionType.TLS_TRUSTED, Status.FALSE
    if isinstance(error, WrongKind):
        return ConditionType.SUPPORTED, Status.FALSE
    if isinstance(error, CredentialsMissing | CredentialNotForOrigin | Unauthorized):
        return ConditionType.AUTHENTICATED, Status.FALSE
    if isinstance(error, CredentialsUnread):
        return ConditionType.AUTHENTICATED, Status.UNKNOWN
    return ConditionType.SYNCED, Status.FALSE


def explained(registry: Registry, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Say what a refused password means for a managed Harbor: its Secret only seeds a database."""
    if not isinstance(registry.credential, SecretRef):
        return tuple(verdicts)
    told = {
        "reason": Reason.ADMIN_PASSWORD_DRIFTED,
        "message": "the password in its Secret does not open it any more; Harbor takes that only "
        "when its database is made: run update-registry with a registry-credentials block",
    }
    return tuple(
        each.model_copy(update=told) if each.reason is Reason.BAD_CREDENTIALS else each
        for each in verdicts
    )


def address_refusal(said: str) -> Verdict:
    """Tell that an address cannot be one, before anybody was asked."""
    return Verdict(
        type=ConditionType.REACHABLE,
        status=Status.FALSE,
        reason=Reason.ADDRESS_INVALID,
        message=said,
        step="Address valid",
    )


def failed(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return the first verdict that is false, the one to act upon."""
    return next((verdict for verdict in verdicts if verdict.status is Status.FALSE), None)


def opens(verdicts: Iterable[Verdict]) -> bool:
    """Whether a credential was accepted, and nothing was found to be wrong."""
    verdicts = tuple(verdicts)
    accepted = any(
        verdict.type is ConditionType.AUTHENTICATED and verdict.status is Status.TRUE
        for verdict in verdicts
    )
    return accepted and failed(verdicts) is None
