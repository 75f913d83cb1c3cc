"""What Harbor's answers look like, without I/O.

Vendor: https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml
"""

import re

from pydantic import Field, TypeAdapter

from models.condition import ConditionType, Status, Verdict
from models.reason import Reason
from models.space import ObservedSpace, Visibility
from models.storage import SpaceStorage
from tasks.registries.wire import Wire

OLDEST = (2, 9)
"""The oldest Harbor that this service works with."""

_CARRYING = frozenset({"core", "database", "redis", "registry"})
"""The components without which nothing can be pulled or managed."""


class SystemInfo(Wire):
    """GET /systeminfo; the version is hidden from strangers since 2.13."""

    harbor_version: str | None = None
    read_only: bool | None = None
    auth_mode: str | None = None


class User(Wire):
    """GET /users/current."""

    username: str
    sysadmin_flag: bool = False
    admin_role_in_auth: bool = False

    @property
    def is_admin(self) -> bool:
        """A system administrator, by flag or by a group of LDAP or OIDC."""
        return self.sysadmin_flag or self.admin_role_in_auth


class Component(Wire):
    """One line of GET /health."""

    name: str
    status: str
    error: str = ""


class Components(Wire):
    """GET /health; always answered 200, up to 10 s old."""

    status: str
    components: list[Component]

    @property
    def down(self) -> dict[str, str]:
        """Components that are not healthy, with what they say."""
        return {one.name: one.error for one in self.components if one.status != "healthy"}


class Statistics(Wire):
    """GET /statistics; totals are filled for system administrators only."""

    total_project_count: int
    total_storage_consumption: int = 0


class Project(Wire):
    """One row of GET /projects; metadata values are strings and `public` may be missing."""

    project_id: int
    name: str = Field(min_length=1)
    metadata: dict[str, str] | None = None
    repo_count: int = 0

    def observed(self) -> ObservedSpace:
        """Turn it into what we call a space."""
        public = (self.metadata or {}).get("public", "").lower() in {"true", "1"}
        return ObservedSpace(
            name=self.name,
            remote_id=self.project_id,
            visibility=Visibility.PUBLIC if public else Visibility.PRIVATE,
            repositories=self.repo_count,
        )


class _Ref(Wire):
    name: str | None = None


class _Storage(Wire):
    storage: int


class Quota(Wire):
    """One row of GET /quotas; `ref` may be empty."""

    id: int
    ref: _Ref = _Ref()
    hard: _Storage
    used: _Storage

    def storage(self) -> SpaceStorage | None:
        """Turn it into a space's storage, if it says whose it is."""
        if not self.ref.name:
            return None
        return SpaceStorage(name=self.ref.name, used=self.used.storage, limit=self.hard.storage)


class _Flag(Wire):
    value: bool = False


class Configurations(Wire):
    """GET /configurations, the one switch that decides whether quotas are kept."""

    quota_per_project_enable: _Flag = _Flag()


class Access(Wire):
    """One right of a robot."""

    resource: str
    action: str
    effect: str = "allow"


class Permission(Wire):
    """A robot's rights on one project, on all (`*`), or on the system (`/`)."""

    kind: str
    namespace: str
    access: tuple[Access, ...] = ()


class Robot(Wire):
    """One row of GET /robots."""

    id: int
    name: str
    level: str = "system"
    permissions: tuple[Permission, ...] | None = None

    def may(self, kind: str, namespace: str, resource: str, action: str) -> bool:
        """Whether the robot holds one right."""
        return any(
            permission.kind == kind
            and permission.namespace == namespace
            and any((one.resource, one.action) == (resource, action) for one in permission.access)
            for permission in self.permissions or []
        )


PROJECTS: TypeAdapter[list[Project]] = TypeAdapter(list[Project])
QUOTAS: TypeAdapter[list[Quota]] = TypeAdapter(list[Quota])
ROBOTS: TypeAdapter[list[Robot]] = TypeAdapter(list[Robot])
SYSTEM_INFO = TypeAdapter(SystemInfo)
USER = TypeAdapter(User)
COMPONENTS = TypeAdapter(Components)
STATISTICS = TypeAdapter(Statistics)
CONFIGURATIONS = TypeAdapter(Configurations)

ROBOT_NEEDS = (
    ("system", "/", "project", "list"),
    ("system", "/", "project", "create"),
    ("project", "*", "project", "update"),
)
"""What a robot account must hold to stand in for an administrator."""


def version_verdict(text: str | None) -> Verdict:
    """Say whether a version is supported."""
    found = re.match(r"v?(\d+)\.(\d+)", text or "")
    if not found:
        message = f"Harbor does not tell its version ({text or 'nothing'})"
        return _supported(Status.UNKNOWN, Reason.VERSION_UNKNOWN, message, proved=False)
    if (int(found[1]), int(found[2])) < OLDEST:
        message = f"Harbor {text} is too old"
        advice = "upgrade Harbor to {}.{} or newer".format(*OLDEST)
        return _supported(Status.FALSE, Reason.VERSION_TOO_OLD, message, advice)
    return _supported(Status.TRUE, Reason.SUPPORTED, f"Harbor {text}")


def _supported(
    status: Status, reason: Reason, message: str, advice: str = "", *, proved: bool = True
) -> Verdict:
    return Verdict(
        type=ConditionType.SUPPORTED,
        status=status,
        reason=reason,
        message=message,
        advice=advice,
        proved=proved,
        step="Version supported",
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
        status, message = Status.FALSE, f"{username} cannot read its own rights"
    else:
        missing = [" ".join(need) for need in ROBOT_NEEDS if not robot.may(*need)]
        status = Status.FALSE if missing else Status.TRUE
        message = f"{username} lacks {', '.join(missing)}" if missing else f"{username} may do all"
    return admin_verdict(status, message)


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
        "project:create on the system and project:update on all projects",
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
