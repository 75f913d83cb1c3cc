"""What Harbor's answers mean for its health, without I/O."""

import re
from collections.abc import Iterable

from models.core.reasons import Reason
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from tasks.registries.harbor.robot_wire import Robot
from tasks.registries.harbor.wire import Components, SystemInfo

MIN_VERSION = (2, 9)
"""The oldest Harbor that this service works with."""

_REQUIRED_COMPONENTS = frozenset({"core", "database", "redis", "registry"})
"""The components without which nothing can be pulled or managed."""

REQUIRED_ROBOT_RIGHTS = (
    ("system", "/", "project", "list"),
    ("system", "/", "project", "create"),
    ("project", "*", "project", "update"),
)
"""What a robot account must hold to stand in for an administrator."""

ROBOT_MANAGEMENT_RIGHTS = (
    ("system", "/", "robot", "create"),
    ("system", "/", "robot", "delete"),
    ("project", "*", "repository", "pull"),
)
"""What it must hold besides to grant: without, all else still works."""


def version_check(text: str | None) -> CheckResult:
    """Say whether a version is supported."""
    match = re.match(r"v?([0-9]{1,6})\.([0-9]{1,6})", text or "")
    if not match:
        message = f"Harbor does not tell its version ({text or 'nothing'})"
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
    """Say whether what answers is a Harbor of a kind that this service works with."""
    return CheckResult(
        type=ConditionType.SUPPORTED,
        status=status,
        reason=reason,
        message=message,
        advice=advice,
        confirmed=confirmed,
        step=step,
    )


def components_check(health: Components) -> CheckResult:
    """Say whether Harbor's own components can serve pulls and this service."""
    down = {name: error[:120] for name, error in health.unhealthy.items()}
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
        advice="look at Harbor's own pods or containers" if essential_down else "",
    )


def robot_rights_check(robot: Robot | None, username: str) -> CheckResult:
    """Say whether a robot account can stand in for an administrator."""
    if robot is None:
        return administrator_check(ConditionStatus.FALSE, f"{username} cannot read its own rights")
    if missing := _missing_rights(robot, REQUIRED_ROBOT_RIGHTS):
        return administrator_check(ConditionStatus.FALSE, f"{username} lacks {missing}")
    missing_robot_rights = _missing_rights(robot, ROBOT_MANAGEMENT_RIGHTS)
    ability = (
        f"may do all but grant: it lacks {missing_robot_rights}"
        if missing_robot_rights
        else "may do all"
    )
    return administrator_check(ConditionStatus.TRUE, f"{username} {ability}")


def _missing_rights(robot: Robot, needs: Iterable[tuple[str, str, str, str]]) -> str:
    return ", ".join(" ".join(need) for need in needs if not robot.has_right(*need))


def administrator_check(status: ConditionStatus, message: str) -> CheckResult:
    """Say whether the credential is an administrator's."""
    true = status is ConditionStatus.TRUE
    return CheckResult(
        type=ConditionType.ADMINISTRATOR,
        status=status,
        reason=Reason.ADMINISTRATOR if true else Reason.NOT_ADMINISTRATOR,
        message=message,
        step="Administrator",
        advice=""
        if true
        else "use a system administrator, or a system robot with robot:list, project:list and "
        "project:create on the system and project:update on all projects (to grant, also "
        "robot:create and robot:delete on the system and repository:pull on all projects)",
    )


def writable_check(info: SystemInfo) -> CheckResult:
    """Say whether Harbor takes changes right now."""
    if info.read_only is None:  # as it answers strangers, and us in a moment of lock-out
        parts = ConditionStatus.UNKNOWN, Reason.NOT_PROBED, "Harbor does not tell", ""
    elif info.read_only:
        advice = "switch read-only mode off in Harbor, or wait for its garbage collection to end"
        parts = ConditionStatus.FALSE, Reason.READ_ONLY, "Harbor is in read-only mode", advice
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
