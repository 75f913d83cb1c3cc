"""What Harbor's answers mean for its health, without I/O."""

import re
from collections.abc import Iterable

from models.core.reasons import Reason
from models.registries.condition import ConditionType, Status, Verdict
from tasks.registries.harbor.robot_wire import Robot
from tasks.registries.harbor.wire import Components, SystemInfo

OLDEST = (2, 9)
"""The oldest Harbor that this service works with."""

_CARRYING = frozenset({"core", "database", "redis", "registry"})
"""The components without which nothing can be pulled or managed."""

ROBOT_NEEDS = (
    ("system", "/", "project", "list"),
    ("system", "/", "project", "create"),
    ("project", "*", "project", "update"),
)
"""What a robot account must hold to stand in for an administrator."""

GRANT_NEEDS = (
    ("system", "/", "robot", "create"),
    ("system", "/", "robot", "delete"),
    ("project", "*", "repository", "pull"),
)
"""What it must hold besides to grant: without, all else still works."""


def version_verdict(text: str | None) -> Verdict:
    """Say whether a version is supported."""
    found = re.match(r"v?([0-9]{1,6})\.([0-9]{1,6})", text or "")
    if not found:
        message = f"Harbor does not tell its version ({text or 'nothing'})"
        return supported(Status.UNKNOWN, Reason.VERSION_UNKNOWN, message, proved=False)
    if (int(found[1]), int(found[2])) < OLDEST:
        message = f"Harbor {text} is too old"
        advice = "upgrade Harbor to {}.{} or newer".format(*OLDEST)
        return supported(Status.FALSE, Reason.VERSION_TOO_OLD, message, advice)
    return supported(Status.TRUE, Reason.SUPPORTED, f"Harbor {text}")


def supported(
    status: Status,
    reason: Reason,
    message: str,
    advice: str = "",
    *,
    proved: bool = True,
    step: str = "Version supported",
) -> Verdict:
    """Say whether what answers is a Harbor of a kind that this service works with."""
    return Verdict(
        type=ConditionType.SUPPORTED,
        status=status,
        reason=reason,
        message=message,
        advice=advice,
        proved=proved,
        step=step,
    )


def components_verdict(health: Components) -> Verdict:
    """Say whether Harbor's own components can serve pulls and this service."""
    down = {name: error[:120] for name, error in health.down.items()}
    carrying = sorted(down.keys() & _CARRYING)
    named = ", ".join(carrying or sorted(down))
    if carrying:
        status, reason = Status.FALSE, Reason.COMPONENTS_DOWN
        message = f"not healthy: {named} ({down[carrying[0]]})"
    elif down:
        status, reason = Status.TRUE, Reason.SIDE_COMPONENTS_DOWN
        message = f"pulls work; not healthy: {named}"
    else:
        status, reason = Status.TRUE, Reason.ALL_COMPONENTS_UP
        message = "all components are healthy"
    return Verdict(
        type=ConditionType.SERVING,
        status=status,
        reason=reason,
        message=message,
        proved=False,
        step="Components healthy",
        advice="look at Harbor's own pods or containers" if carrying else "",
    )


def robot_verdict(robot: Robot | None, username: str) -> Verdict:
    """Say whether a robot account can stand in for an administrator."""
    if robot is None:
        return admin_verdict(Status.FALSE, f"{username} cannot read its own rights")
    if missing := _missing(robot, ROBOT_NEEDS):
        return admin_verdict(Status.FALSE, f"{username} lacks {missing}")
    limited = _missing(robot, GRANT_NEEDS)
    may = f"may do all but grant: it lacks {limited}" if limited else "may do all"
    return admin_verdict(Status.TRUE, f"{username} {may}")


def _missing(robot: Robot, needs: Iterable[tuple[str, str, str, str]]) -> str:
    return ", ".join(" ".join(need) for need in needs if not robot.may(*need))


def admin_verdict(status: Status, message: str) -> Verdict:
    """Say whether the credential is an administrator's."""
    true = status is Status.TRUE
    return Verdict(
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


def writable_verdict(info: SystemInfo) -> Verdict:
    """Say whether Harbor takes changes right now."""
    if info.read_only is None:  # as it answers strangers, and us in a moment of lock-out
        found = Status.UNKNOWN, Reason.NOT_PROBED, "Harbor does not tell", ""
    elif info.read_only:
        advice = "switch read-only mode off in Harbor, or wait for its garbage collection to end"
        found = Status.FALSE, Reason.READ_ONLY, "Harbor is in read-only mode", advice
    else:
        found = Status.TRUE, Reason.WRITABLE, "changes are accepted", ""
    status, reason, message, advice = found
    return Verdict(
        type=ConditionType.WRITABLE,
        status=status,
        reason=reason,
        message=message,
        proved=info.read_only is not None,
        step="Writable",
        advice=advice,
    )
