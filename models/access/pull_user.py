"""Decide whether namespaces may receive the pull-only user of a registry."""

from collections.abc import Iterable

from models.core.base import FrozenModel
from models.core.errors import TRANSIENT_REASONS, RemoteError
from models.core.reasons import Reason
from models.registries.condition import (
    CheckResult,
    Condition,
    ConditionStatus,
    ConditionType,
)
from models.registries.registry import Registry

_STEP = "Pull-only user"
_MAX_NAMES = 3
_SEPARATE_ADVICE = "create a user that can only pull, and select its block as pull credentials"


class PullUserLogin(FrozenModel):
    """What a registry answered to its pull-only user.

    Attributes:
        check: the last check of the login, of type `Authenticated`.
        pushable: the repositories that it may push to, of those that were asked about; None if the
            registry does not report the rights of a user.
    """

    check: CheckResult
    pushable: tuple[str, ...] | None = None


def is_same_user(username: str, pull_username: str) -> bool:
    """Return whether two names are one user; many directories ignore the case."""
    return username.casefold() == pull_username.casefold()


def not_separate_check(pull_username: str) -> CheckResult:
    """Return the check result for a pull-only user that manages the registry, too."""
    message = (
        f"the pull credentials are those of {pull_username}, the registry's own user: every "
        "entitled namespace would receive them"
    )
    return _valid_check(
        ConditionStatus.FALSE, Reason.PULL_USER_NOT_SEPARATE, message, _SEPARATE_ADVICE
    )


def unproved_checks(error: RemoteError) -> tuple[CheckResult, ...]:
    """Return the check results if the login could not be tried, or had no conclusive result."""
    status = ConditionStatus.UNKNOWN if error.transient else ConditionStatus.FALSE
    advice = "" if error.transient else "select another block as pull credentials, or save it again"
    return (_valid_check(status, error.reason, error.message, advice),)


def pull_user_checks(
    registry: Registry, pull_username: str, login: PullUserLogin
) -> tuple[CheckResult, ...]:
    """Return whether namespaces may receive the pull-only user, and whether it can only pull.

    Args:
        registry: the registry.
        pull_username: name of the pull-only user, which is not the registry's own user.
        login: what the registry answered to it.
    """
    if login.check.status is not ConditionStatus.TRUE:
        message = f"{login.check.message}, for the pull-only user {pull_username}"
        advice = "correct the block of the pull credentials" if login.check.advice else ""
        is_inconclusive = login.check.reason in TRANSIENT_REASONS
        status = ConditionStatus.UNKNOWN if is_inconclusive else login.check.status
        refused = _valid_check(status, login.check.reason, message, advice)
        return (refused.model_copy(update={"confirmed": login.check.confirmed}),)
    read_only_check = _read_only_check(pull_username, login)
    if login.pushable and not registry.allow_push:
        advice = f"{_SEPARATE_ADVICE}, or set 'Allow push'"
        message = read_only_check.message
        refused = _valid_check(ConditionStatus.FALSE, Reason.PUSH_GRANTED, message, advice)
        return refused, read_only_check
    message = f"the pull-only user {pull_username} is accepted"
    accepted = _valid_check(ConditionStatus.TRUE, login.check.reason, message)
    return accepted, read_only_check


def _read_only_check(pull_username: str, login: PullUserLogin) -> CheckResult:
    if login.check.reason is Reason.NO_AUTHENTICATION:
        status, reason = ConditionStatus.FALSE, Reason.NO_AUTHENTICATION
        message = "anyone can push: this registry requires no authentication"
    elif login.pushable is None:
        status, reason = ConditionStatus.UNKNOWN, Reason.RIGHTS_NOT_REPORTED
        message = (
            f"this registry does not report the rights of {pull_username}: if it knows no rights "
            "per user (htpasswd), every namespace with this login can push"
        )
    elif login.pushable:
        status, reason = ConditionStatus.FALSE, Reason.PUSH_GRANTED
        extra = ", …" if len(login.pushable) > _MAX_NAMES else ""
        names = ", ".join(login.pushable[:_MAX_NAMES]) + extra
        message = f"the token service lets the pull-only user {pull_username} push to {names}"
    else:
        status, reason = ConditionStatus.TRUE, Reason.PULL_ONLY
        message = f"the token service lets {pull_username} pull only"
    return CheckResult(
        type=ConditionType.PULL_USER_READ_ONLY,
        status=status,
        reason=reason,
        message=message,
        step="Pull-only user cannot push",
    )


def _valid_check(
    status: ConditionStatus, reason: Reason, message: str, advice: str = ""
) -> CheckResult:
    return CheckResult(
        type=ConditionType.PULL_USER_VALID,
        status=status,
        reason=reason,
        message=message,
        advice=advice,
        step=_STEP,
    )


def pull_user_problem(conditions: Iterable[Condition]) -> str:
    """Return why namespaces receive no pull-only user; empty if the condition is not false."""
    for condition in conditions:
        if condition.type is ConditionType.PULL_USER_VALID:
            return condition.message if condition.status is ConditionStatus.FALSE else ""
    return ""
