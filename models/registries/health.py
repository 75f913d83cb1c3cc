"""Derive conditions from check results, and a health summary from conditions."""

from collections.abc import Iterable
from datetime import datetime

from models.core.base import FrozenModel
from models.core.errors import RemoteError, Unauthorized
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
"""Consecutive unconfirmed results that change a condition; a single result does not."""

_FATAL_TYPES = (
    ConditionType.REACHABLE,
    ConditionType.TLS_TRUSTED,
    ConditionType.SUPPORTED,
    ConditionType.AUTHENTICATED,
    ConditionType.SERVING,
)
_DEGRADING_TYPES = (
    ConditionType.ADMINISTRATOR,
    ConditionType.WRITABLE,
    ConditionType.SYNCED,
    ConditionType.PULL_USER_VALID,
)

_GATEWAY_STATUSES = frozenset({502, 503, 504})
"""Answers of a gateway in front of a registry that does not respond itself."""

_CONDITIONS = {
    Reason.ADDRESS_FORBIDDEN: ConditionType.REACHABLE,
    Reason.CONNECTION_REFUSED: ConditionType.REACHABLE,
    Reason.PROXY_AUTHENTICATION_REQUIRED: ConditionType.REACHABLE,
    Reason.PROXY_REFUSED: ConditionType.REACHABLE,
    Reason.PROXY_UNREACHABLE: ConditionType.REACHABLE,
    Reason.TIMED_OUT: ConditionType.REACHABLE,
    Reason.UNKNOWN_HOST: ConditionType.REACHABLE,
    Reason.UNREACHABLE: ConditionType.REACHABLE,
    Reason.CERTIFICATE_EXPIRED: ConditionType.TLS_TRUSTED,
    Reason.CLIENT_CERTIFICATE_REFUSED: ConditionType.TLS_TRUSTED,
    Reason.CLIENT_CERTIFICATE_REQUIRED: ConditionType.TLS_TRUSTED,
    Reason.SELF_SIGNED: ConditionType.TLS_TRUSTED,
    Reason.TLS_MISSING: ConditionType.TLS_TRUSTED,
    Reason.TLS_UNTRUSTED: ConditionType.TLS_TRUSTED,
    Reason.TLS_VERSION_OUTDATED: ConditionType.TLS_TRUSTED,
    Reason.UNKNOWN_AUTHORITY: ConditionType.TLS_TRUSTED,
    Reason.WRONG_HOST_NAME: ConditionType.TLS_TRUSTED,
    Reason.WRONG_KIND: ConditionType.SUPPORTED,
    Reason.CLIENT_CERTIFICATE_INVALID: ConditionType.AUTHENTICATED,
    Reason.CREDENTIALS_FORBIDDEN: ConditionType.AUTHENTICATED,
    Reason.CREDENTIALS_MISSING: ConditionType.AUTHENTICATED,
    Reason.CREDENTIALS_UNPROVED: ConditionType.AUTHENTICATED,
    Reason.CREDENTIAL_NOT_FOR_ORIGIN: ConditionType.AUTHENTICATED,
    Reason.TOKEN_SERVICE_UNREACHABLE: ConditionType.AUTHENTICATED,
    Reason.UNAUTHORIZED: ConditionType.AUTHENTICATED,
}
"""The condition that a failed request affects, by reason; `SYNCED` for any other reason.

A response of a gateway affects `REACHABLE`: the registry itself must respond.
"""


class HealthSummary(FrozenModel):
    """The health of a registry, with the reason and message of the deciding condition."""

    health: Health
    reason: Reason
    message: str
    since: datetime | None = None


def update_conditions(
    before: Iterable[Condition], checks: Iterable[CheckResult], now: datetime
) -> tuple[Condition, ...]:
    """Update conditions with new check results; a condition without a result does not change."""
    by_type = {condition.type: condition for condition in before}
    results = _worst_results(checks)
    failure = results.get(ConditionType.REACHABLE)
    is_unhealthy = summarize_health(by_type.values()).health is Health.UNHEALTHY
    if is_unhealthy and failure is not None and failure.status is ConditionStatus.FALSE:
        # Waiting for a second result would keep an older reason on display, not a good state.
        results[ConditionType.REACHABLE] = failure.model_copy(update={"confirmed": True})
    for type_, check in results.items():
        by_type[type_] = _update_condition(by_type.get(type_), check, now)
    return tuple(by_type[type_] for type_ in ConditionType if type_ in by_type)


def unobserved_checks(
    before: Iterable[Condition], checks: Iterable[CheckResult]
) -> tuple[CheckResult, ...]:
    """Return that it is not known whether the components serve, if that was not observed.

    Args:
        before: the conditions on record.
        checks: the check results of an observation.
    """
    checks = tuple(checks)
    failure = first_failure(checks)
    is_observed = any(check.type is ConditionType.SERVING for check in checks)
    is_on_record = any(condition.type is ConditionType.SERVING for condition in before)
    if failure is None or is_observed or not is_on_record:
        return ()
    return (
        CheckResult(
            type=ConditionType.SERVING,
            status=ConditionStatus.UNKNOWN,
            reason=failure.reason,
            message=f"not observed: {failure.message}",
        ),
    )


def unknown_checks(
    before: Iterable[Condition], reason: Reason, message: str
) -> tuple[CheckResult, ...]:
    """Return that it is not known whether a registry is reachable and synced.

    What was false stays false: it would have to be observed to be gone.

    Args:
        before: the conditions on record.
        reason, message: why nothing newer is known.
    """
    statuses = {condition.type: condition.status for condition in before}
    return tuple(
        CheckResult(type=type_, status=ConditionStatus.UNKNOWN, reason=reason, message=message)
        for type_ in (ConditionType.REACHABLE, ConditionType.SYNCED)
        if statuses.get(type_) is not ConditionStatus.FALSE
    )


def unfinished_conditions(
    before: Iterable[Condition], error: str, now: datetime
) -> tuple[Condition, ...]:
    """Return the conditions after a run that ended in an unexpected error.

    Args:
        before: the conditions on record.
        error: type of the error; its text could contain a secret.
        now: end of the run (UTC).
    """
    before = tuple(before)
    message = f"the last run did not end (unexpected {error}): see its log"
    return update_conditions(before, unknown_checks(before, Reason.UNFORESEEN, message), now)


def _worst_results(checks: Iterable[CheckResult]) -> dict[ConditionType, CheckResult]:
    # One result for each condition type: false has priority over unknown, and unknown over true.
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
    """Return the health that results from the conditions."""
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
        return HealthSummary(
            health=Health.UNKNOWN,
            reason=reachable.reason if reachable else Reason.NOT_PROBED,
            message=reachable.message if reachable else "not probed yet",
        )
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
    """Return the check results that any response implies: reachable, and TLS as configured."""
    reachable = CheckResult(
        type=ConditionType.REACHABLE,
        status=ConditionStatus.TRUE,
        reason=Reason.CONNECTED,
        message="responds",
    )
    return reachable, tls_check(registry)


def tls_check(registry: Registry) -> CheckResult:
    """Return the TLS check result for an established connection."""
    if registry.parsed_address.scheme == "http":
        detail = "plain http: passwords and images are sent unencrypted"
        result = ConditionStatus.UNKNOWN, Reason.PLAIN_HTTP, detail
    elif isinstance(registry.tls, SkipVerify):
        detail = "the certificate is not verified, as configured for this registry"
        result = ConditionStatus.UNKNOWN, Reason.VERIFICATION_OFF, detail
    else:
        result = ConditionStatus.TRUE, Reason.CERTIFICATE_TRUSTED, "the certificate is trusted"
    status, reason, message = result
    return CheckResult(
        type=ConditionType.TLS_TRUSTED, status=status, reason=reason, message=message, step="TLS"
    )


def checks_from_error(error: RemoteError) -> tuple[CheckResult, ...]:
    """Return the check results for a failed request."""
    type_, status = _affected_condition(error)
    message = error.message
    if type_ is ConditionType.REACHABLE and error.status in _GATEWAY_STATUSES:
        message = f"the registry does not respond, a gateway in front of it {message}"
    return (
        CheckResult(
            type=type_,
            status=status,
            reason=error.reason,
            message=message,
            confirmed=not (error.transient or isinstance(error, Unauthorized)),
        ),
    )


def _affected_condition(error: RemoteError) -> tuple[ConditionType, ConditionStatus]:
    status = ConditionStatus.FALSE
    if error.reason is Reason.CREDENTIALS_UNPROVED:
        status = ConditionStatus.UNKNOWN
    is_gateway = error.status in _GATEWAY_STATUSES
    other_type = ConditionType.REACHABLE if is_gateway else ConditionType.SYNCED
    return _CONDITIONS.get(error.reason, other_type), status


def explain_bad_password(
    registry: Registry, checks: Iterable[CheckResult]
) -> tuple[CheckResult, ...]:
    """Replace the message of a refused password for a managed Harbor.

    Harbor reads the password in its Secret only when it creates its database, so the two can
    differ.
    """
    if not isinstance(registry.credential, SecretRef):
        return tuple(checks)
    update = {
        "reason": Reason.ADMIN_PASSWORD_DRIFTED,
        "message": "Harbor refuses the password in its Secret, which it reads only when it creates "
        "its database: run update-registry with a registry-credentials block",
    }
    return tuple(
        check.model_copy(update=update) if check.reason is Reason.BAD_CREDENTIALS else check
        for check in checks
    )


def explain_unknown_ca(
    registry: Registry, checks: Iterable[CheckResult]
) -> tuple[CheckResult, ...]:
    """Extend the message of an unknown CA for a managed Harbor.

    Its CA is read from a Secret by discovery, which is the only one to know why that failed.
    """
    if not isinstance(registry.credential, SecretRef):
        return tuple(checks)
    hint = (
        "; the CA of a managed Harbor is read from its Secret: if that failed, the artifact "
        "`discovery` says why, and how to allow it"
    )
    return tuple(
        check.model_copy(update={"message": check.message + hint})
        if check.reason in (Reason.UNKNOWN_AUTHORITY, Reason.SELF_SIGNED)
        else check
        for check in checks
    )


def invalid_address_check(message: str) -> CheckResult:
    """Return the check result for an invalid address, to which no request was sent."""
    return CheckResult(
        type=ConditionType.REACHABLE,
        status=ConditionStatus.FALSE,
        reason=Reason.ADDRESS_INVALID,
        message=message,
        step="Address valid",
    )


def first_failure(checks: Iterable[CheckResult]) -> CheckResult | None:
    """Return the first check result that is false; None if there is none.

    That the pull-only user may push, as everybody may in a registry without rights per user, is
    displayed, but is no failure: what must be refused makes `PullUserValid` false.
    """
    return next(
        (
            check
            for check in checks
            if check.status is ConditionStatus.FALSE
            and check.type is not ConditionType.PULL_USER_READ_ONLY
        ),
        None,
    )


def is_certificate_refused(conditions: Iterable[Condition]) -> bool:
    """Return whether the certificate of a registry is not trusted."""
    return any(
        condition.type is ConditionType.TLS_TRUSTED and condition.status is ConditionStatus.FALSE
        for condition in conditions
    )


def has_valid_credential(checks: Iterable[CheckResult]) -> bool:
    """Return whether a credential was accepted and no check failed."""
    checks = tuple(checks)
    accepted = any(
        check.type is ConditionType.AUTHENTICATED and check.status is ConditionStatus.TRUE
        for check in checks
    )
    return accepted and first_failure(checks) is None
