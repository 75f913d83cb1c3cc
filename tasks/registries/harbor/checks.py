"""Check results from Harbor's responses, without I/O."""

import re
from collections.abc import Iterable

from models.core.reasons import Reason
from models.core.text import shorten
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from tasks.registries.harbor.robot_wire import Robot
from tasks.registries.harbor.wire import HealthResponse, SystemInfo

MIN_VERSION = (2, 9)
"""Oldest supported Harbor version."""

_REQUIRED_COMPONENTS = frozenset({"core", "database", "redis", "registry"})
"""Components that are required to pull images and to manage Harbor."""

REQUIRED_ROBOT_RIGHTS = (
    ("system", "/", "project", "list"),
    ("system", "/", "project", "create"),
    ("project", "*", "project", "update"),
)
"""Rights that a robot account needs to replace an administrator."""

ROBOT_MANAGEMENT_RIGHTS = (
    ("system", "/", "robot", "create"),
    ("system", "/", "robot", "delete"),
    ("project", "*", "repository", "pull"),
)
"""Additional rights to manage robot accounts; everything else works without them."""


def version_check(text: str | None) -> CheckResult:
    """Return whether a Harbor version is supported.

    Args:
        text: version as Harbor reports it; None if it does not.
    """
    match = re.match(r"v?([0-9]{1,6})\.([0-9]{1,6})", text or "")
    if not match:
        message = f"Harbor does not report a valid version ({text or 'empty'})"
        return supported_check(
            ConditionStatus.UNKNOWN, Reason.VERSION_UNKNOWN, message, confirmed=False
        )
    if (int(match[1]), int(match[2])) < MIN_VERSION:
        message = f"Harbor {text} is too old"
        advice = "upgrade Harbor to {}.{} or newer".format(*MIN_VERSION)
        return supported_check(ConditionStatus.FALSE, Reason.VERSION_TOO_OLD, message, advice)
    return supported_check(ConditionStatus.TRUE, Reason.SUPPORTED, f"Harbor {text}")


def supported_check(
    status: ConditionStatus,
    reason: Reason,
    message: str,
    advice: str = "",
    *,
    confirmed: bool = True,
    step: str = "Version supported",
) -> CheckResult:
    """Return a check result for the Supported condition."""
    return CheckResult(
        type=ConditionType.SUPPORTED,
        status=status,
        reason=reason,
        message=message,
        advice=advice,
        confirmed=confirmed,
        step=step,
    )


def components_check(health: HealthResponse) -> CheckResult:
    """Return whether Harbor's required components are healthy."""
    down = {name: shorten(error, 120) for name, error in health.unhealthy.items()}
    essential_down = sorted(down.keys() & _REQUIRED_COMPONENTS)
    names = ", ".join(essential_down or sorted(down))
    if essential_down:
        status, reason = ConditionStatus.FALSE, Reason.COMPONENTS_DOWN
        message = f"not healthy: {names} ({down[essential_down[0]]})"
    elif down:
        status, reason = ConditionStatus.TRUE, Reason.SIDE_COMPONENTS_DOWN
        message = f"pulls work; not healthy: {names}"
    else:
        status, reason = ConditionStatus.TRUE, Reason.ALL_COMPONENTS_UP
        message = "all components are healthy"
    return CheckResult(
        type=ConditionType.SERVING,
        status=status,
        reason=reason,
        message=message,
        confirmed=False,
        step="Components healthy",
        advice="check Harbor's pods or containers" if essential_down else "",
    )


def robot_rights_check(robot: Robot | None, username: str) -> CheckResult:
    """Return whether a robot account has administrator rights.

    Args:
        robot: the robot account; None if it cannot read itself.
        username: full name of the robot account.
    """
    if robot is None:
        return administrator_check(ConditionStatus.FALSE, f"{username} cannot read its own rights")
    if missing := _missing_rights(robot, REQUIRED_ROBOT_RIGHTS):
        return administrator_check(ConditionStatus.FALSE, f"{username} lacks {missing}")
    missing_robot_rights = _missing_rights(robot, ROBOT_MANAGEMENT_RIGHTS)
    ability = (
        f"has all rights except to grant access: it lacks {missing_robot_rights}"
        if missing_robot_rights
        else "has all rights"
    )
    return administrator_check(ConditionStatus.TRUE, f"{username} {ability}")


def _missing_rights(robot: Robot, required: Iterable[tuple[str, str, str, str]]) -> str:
    return ", ".join(" ".join(right) for right in required if not robot.has_right(*right))


def administrator_check(status: ConditionStatus, message: str) -> CheckResult:
    """Return a check result for the Administrator condition."""
    is_administrator = status is ConditionStatus.TRUE
    return CheckResult(
        type=ConditionType.ADMINISTRATOR,
        status=status,
        reason=Reason.ADMINISTRATOR if is_administrator else Reason.NOT_ADMINISTRATOR,
        message=message,
        step="Administrator",
        advice=""
        if is_administrator
        else "use a system administrator, or a system robot account with robot:list, project:list "
        "and project:create on the system and project:update on all projects (to grant access, "
        "also robot:create and robot:delete on the system and repository:pull on all projects)",
    )


def writable_check(info: SystemInfo) -> CheckResult:
    """Return whether Harbor accepts changes."""
    if info.read_only is None:  # anonymous callers get no value; neither does a locked account
        message = "Harbor does not report whether it is read-only"
        parts = ConditionStatus.UNKNOWN, Reason.NOT_PROBED, message, ""
    elif info.read_only:
        advice = "turn off read-only mode in Harbor, or wait until its garbage collection ends"
        parts = ConditionStatus.FALSE, Reason.READ_ONLY, "Harbor is read-only", advice
    else:
        parts = ConditionStatus.TRUE, Reason.WRITABLE, "changes are accepted", ""
    status, reason, message, advice = parts
    return CheckResult(
        type=ConditionType.WRITABLE,
        status=status,
        reason=reason,
        message=message,
        confirmed=info.read_only is not None,
        step="Writable",
        advice=advice,
    )
