"""Decisions about health: from what one probe said to conditions, from conditions to one word."""

from collections.abc import Iterable
from datetime import datetime

from models.core.base import FrozenModel
from models.core.errors import (
    AddressNotAllowed,
    CredentialNotForOrigin,
    CredentialsMissing,
    CredentialsUnavailable,
    RegistryError,
    TimedOut,
    TlsFailed,
    TransientRegistryError,
    Unauthorized,
    Unreachable,
    WrongKind,
)
from models.core.reasons import Reason
from models.registries.condition import (
    CheckResult,
    Condition,
    ConditionStatus,
    ConditionType,
    Health,
)
from models.registries.registry import Registry, SecretRef, SkipVerify

FLIP_AFTER = 2
"""How many unproved answers in a row flip a condition: one blip does not."""

_FATAL_TYPES = (
    ConditionType.REACHABLE,
    ConditionType.TLS_TRUSTED,
    ConditionType.SUPPORTED,
    ConditionType.AUTHENTICATED,
    ConditionType.SERVING,
)
_DEGRADING_TYPES = (ConditionType.ADMINISTRATOR, ConditionType.WRITABLE, ConditionType.SYNCED)


class HealthSummary(FrozenModel):
    """The health in one word, with the condition that decides it."""

    health: Health
    reason: Reason
    message: str
    since: datetime | None = None


def update_conditions(
    before: Iterable[Condition], checks: Iterable[CheckResult], now: datetime
) -> tuple[Condition, ...]:
    """Fold what a probe said into the conditions known so far.

    A condition that was not asked about keeps its last answer.
    """
    by_type = {condition.type: condition for condition in before}
    for type_, check in _worst_results(checks).items():
        by_type[type_] = _update_condition(by_type.get(type_), check, now)
    return tuple(by_type[type_] for type_ in ConditionType if type_ in by_type)


def _worst_results(checks: Iterable[CheckResult]) -> dict[ConditionType, CheckResult]:
    """Keep one verdict for each condition: false before unknown before true."""
    rank = {ConditionStatus.TRUE: 0, ConditionStatus.UNKNOWN: 1, ConditionStatus.FALSE: 2}
    worst: dict[ConditionType, CheckResult] = {}
    for check in checks:
        previous = worst.get(check.type)
        if previous is None or rank[check.status] >= rank[previous.status]:
            worst[check.type] = check
    return worst


def _update_condition(before: Condition | None, check: CheckResult, now: datetime) -> Condition:
    condition = Condition(
        type=check.type,
        status=check.status,
        reason=check.reason,
        message=check.message,
        since=now,
    )
    if before is None or before.status is ConditionStatus.UNKNOWN:
        return _keep_since(before, condition)
    if check.status is before.status:
        return condition.model_copy(update={"since": before.since})
    if check.confirmed or check.status is ConditionStatus.TRUE or before.contrary + 1 >= FLIP_AFTER:
        return condition
    return before.model_copy(update={"contrary": before.contrary + 1})


def _keep_since(before: Condition | None, condition: Condition) -> Condition:
    if before is not None and before.status is condition.status:
        return condition.model_copy(update={"since": before.since})
    return condition


def summarize_health(conditions: Iterable[Condition]) -> HealthSummary:
    """Say in one word how a registry is, and which condition says so."""
    by_type = {condition.type: condition for condition in conditions}
    for health, types in ((Health.UNHEALTHY, _FATAL_TYPES), (Health.DEGRADED, _DEGRADING_TYPES)):
        for type_ in types:
            condition = by_type.get(type_)
            if condition is not None and condition.status is ConditionStatus.FALSE:
                return HealthSummary(
                    health=health,
                    reason=condition.reason,
                    message=condition.message,
                    since=condition.since,
                )
    return _summarize_without_failure(by_type)


def _summarize_without_failure(by_type: dict[ConditionType, Condition]) -> HealthSummary:
    reachable = by_type.get(ConditionType.REACHABLE)
    if reachable is None or reachable.status is ConditionStatus.UNKNOWN:
        message = "not probed yet" if reachable is None else reachable.message
        return HealthSummary(health=Health.UNKNOWN, reason=Reason.NOT_PROBED, message=message)
    authentication = by_type.get(ConditionType.AUTHENTICATED)
    if authentication is not None and authentication.status is ConditionStatus.UNKNOWN:
        return HealthSummary(
            health=Health.UNKNOWN,
            reason=authentication.reason,
            message=authentication.message,
            since=authentication.since,
        )
    return HealthSummary(
        health=Health.HEALTHY,
        reason=reachable.reason,
        message=reachable.message,
        since=max(condition.since for condition in by_type.values()),
    )


def reachable_checks(registry: Registry) -> tuple[CheckResult, ...]:
    """Tell what any answer at all proves: somebody is there, and TLS was as it should be."""
    reachable = CheckResult(
        type=ConditionType.REACHABLE,
        status=ConditionStatus.TRUE,
        reason=Reason.CONNECTED,
        message="answers",
    )
    return reachable, tls_check(registry)


def tls_check(registry: Registry) -> CheckResult:
    """Say what a completed connection means for TLS."""
    if registry.parsed_address.scheme == "http":
        detail = "plain http: passwords and images travel readable"
        result = ConditionStatus.UNKNOWN, Reason.PLAIN_HTTP, detail
    elif isinstance(registry.tls, SkipVerify):
        detail = "the certificate is not verified, as chosen for this registry"
        result = ConditionStatus.UNKNOWN, Reason.VERIFICATION_OFF, detail
    else:
        result = ConditionStatus.TRUE, Reason.CERTIFICATE_TRUSTED, "the certificate is trusted"
    status, reason, message = result
    return CheckResult(
        type=ConditionType.TLS_TRUSTED, status=status, reason=reason, message=message, step="TLS"
    )


def checks_from_error(error: RegistryError) -> tuple[CheckResult, ...]:
    """Tell what a failed request says about the registry's health."""
    type_, status = _affected_condition(error)
    return (
        CheckResult(
            type=type_,
            status=status,
            reason=error.reason,
            message=error.message,
            confirmed=not isinstance(error, TransientRegistryError | Unauthorized),
        ),
    )


def _affected_condition(error: RegistryError) -> tuple[ConditionType, ConditionStatus]:
    if isinstance(error, Unreachable | TimedOut | AddressNotAllowed):
        return ConditionType.REACHABLE, ConditionStatus.FALSE
    if isinstance(error, TlsFailed):
        return ConditionType.TLS_TRUSTED, ConditionStatus.FALSE
    if isinstance(error, WrongKind):
        return ConditionType.SUPPORTED, ConditionStatus.FALSE
    if isinstance(error, CredentialsMissing | CredentialNotForOrigin | Unauthorized):
        return ConditionType.AUTHENTICATED, ConditionStatus.FALSE
    if isinstance(error, CredentialsUnavailable):
        return ConditionType.AUTHENTICATED, ConditionStatus.UNKNOWN
    return ConditionType.SYNCED, ConditionStatus.FALSE


def explain_bad_password(
    registry: Registry, checks: Iterable[CheckResult]
) -> tuple[CheckResult, ...]:
    """Say what a refused password means for a managed Harbor: its Secret only seeds a database."""
    if not isinstance(registry.credential, SecretRef):
        return tuple(checks)
    update = {
        "reason": Reason.ADMIN_PASSWORD_DRIFTED,
        "message": "the password in its Secret does not open it any more; Harbor takes that only "
        "when its database is made: run update-registry with a registry-credentials block",
    }
    return tuple(
        check.model_copy(update=update) if check.reason is Reason.BAD_CREDENTIALS else check
        for check in checks
    )


def invalid_address_check(message: str) -> CheckResult:
    """Tell that an address cannot be one, before anybody was asked."""
    return CheckResult(
        type=ConditionType.REACHABLE,
        status=ConditionStatus.FALSE,
        reason=Reason.ADDRESS_INVALID,
        message=message,
        step="Address valid",
    )


def first_failure(checks: Iterable[CheckResult]) -> CheckResult | None:
    """Return the first verdict that is false, the one to act upon."""
    return next((check for check in checks if check.status is ConditionStatus.FALSE), None)


def has_valid_credential(checks: Iterable[CheckResult]) -> bool:
    """Whether a credential was accepted, and nothing was found to be wrong."""
    checks = tuple(checks)
    accepted = any(
        check.type is ConditionType.AUTHENTICATED and check.status is ConditionStatus.TRUE
        for check in checks
    )
    return accepted and first_failure(checks) is None
