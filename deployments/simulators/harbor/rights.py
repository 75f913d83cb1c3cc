"""Authorization, and visibility of projects."""

from __future__ import annotations

from collections.abc import Callable

from deployments.simulators.harbor.state.core import HarborCore
from deployments.simulators.harbor.state.entities import Permission, Project, Robot
from deployments.simulators.harbor.state.errors import HarborError, bad_request
from deployments.simulators.harbor.state.policies import PUBLIC_RIGHTS, ROLE_RIGHTS
from deployments.simulators.harbor.web.request import Caller, HarborRequest


def is_allowed(caller: Caller, project: Project, resource: str, action: str) -> bool:
    """Return whether the caller has a right in the project."""
    if caller.is_sysadmin or (project.public and (resource, action) in PUBLIC_RIGHTS):
        return True
    if caller.user is not None:
        role = project.role_of(caller.user.id)
        return role is not None and (resource, action) in ROLE_RIGHTS[role]
    if caller.robot is not None:
        right = (resource, action)
        return any(
            _permission_allows(p, caller.robot, project, right) for p in caller.robot.permissions
        )
    return False


def _permission_allows(
    permission: Permission, robot: Robot, project: Project, right: tuple[str, str]
) -> bool:
    if permission.kind != "project":
        return False
    everywhere = permission.namespace == "*"
    if not everywhere and permission.project_id != project.id:
        return False
    if right in permission.access:
        return True
    # `project:read` on `*` becomes the pattern /project/*, which also matches everything below.
    if everywhere and ("project", right[1]) in permission.access:
        return True
    # Push includes pull only for a robot of one project.
    implied = right == ("repository", "pull") and ("repository", "push") in permission.access
    return implied and robot.level == "project"


def is_system_allowed(caller: Caller, resource: str, action: str) -> bool:
    """Return whether the caller has a system right."""
    if caller.is_sysadmin:
        return True
    permissions = caller.robot.permissions if caller.robot is not None else ()
    return any(p.kind == "system" and (resource, action) in p.access for p in permissions)


def require_user(request: HarborRequest, message: str = "unauthorized") -> None:
    """Require accepted credentials."""
    if request.caller.is_anonymous:
        raise HarborError("UNAUTHORIZED", message)


def require_system(request: HarborRequest, resource: str, action: str) -> None:
    """Require a system right; the 403 contains only the name of the caller."""
    require_user(request)
    if not is_system_allowed(request.caller, resource, action):
        raise HarborError("FORBIDDEN", request.caller.name)


def require_sysadmin(request: HarborRequest) -> None:
    """Require a sysadmin, which a robot can never be."""
    require_user(request)
    if not request.caller.is_sysadmin:
        raise HarborError("FORBIDDEN", request.caller.name)


def require_project(
    request: HarborRequest, resource: str, action: str, *, by_name: bool = False
) -> Project:
    """Return the project of the path, if the caller has the right in it.

    Only a caller who needs no role in the project gets a 404 if it does not exist.
    """
    reference = request.path_text("project")
    project = _find_project(request, reference, by_name)
    if project is not None and is_allowed(request.caller, project, resource, action):
        return project
    if request.caller.is_sysadmin:
        if " " in reference:
            raise bad_request(f"invalid project name: '{reference}'")
        raise HarborError("NOT_FOUND", f"project {reference} not found")
    raise project_denied(request)


def project_denied(request: HarborRequest) -> HarborError:
    """Return a 401 for an anonymous caller, otherwise a 403."""
    require_user(request)
    return HarborError("FORBIDDEN", "forbidden")


def _find_project(request: HarborRequest, reference: str, by_name: bool) -> Project | None:
    # A number is an id, unless the header marks it as a name.
    require_database(request.harbor)
    by_name = by_name or request.headers.get("x-is-resource-name", "").lower() == "true"
    if reference.isdecimal() and not by_name:
        return request.harbor.projects.by_id(int(reference))
    return request.harbor.projects.get(reference)


def require_database(harbor: HarborCore) -> None:
    """Raise a 500 if the database is down."""
    if not harbor.database_up:
        raise HarborError("UNKNOWN")


def can_list_all(caller: Caller) -> bool:
    """Return whether the project list of the caller contains all projects.

    A system robot whose projects are all deleted has an empty name filter, which filters nothing:
    it sees every project. This is a bug of Harbor, reproduced here.
    """
    if caller.is_sysadmin:
        return True
    robot = caller.robot
    if robot is None or robot.level != "system":
        return False
    return is_system_allowed(caller, "project", "list") or any(
        p.namespace == "*" for p in robot.permissions
    )


def visible_projects(
    harbor: HarborCore, caller: Caller, public: bool | None
) -> list[Project] | None:
    """Return the projects that a caller can list, sorted by name; None means all."""
    require_database(harbor)
    unrestricted = can_see_all(harbor, caller)
    if unrestricted and public is None:
        return None
    rows = harbor.projects.sorted_by_name()
    if public is not None:
        # Metadata can contain any word; only these two match.
        value = "true" if public else "false"
        rows = [p for p in rows if p.metadata.get("public") == value]
    if unrestricted or public:
        return rows
    test = _visibility_test(harbor, caller)
    return [p for p in rows if test(p)]


def can_see_all(harbor: HarborCore, caller: Caller) -> bool:
    """Return whether a caller sees all projects: by right, or as all its projects are deleted."""
    if can_list_all(caller):
        return True
    robot = caller.robot
    return robot is not None and robot.level == "system" and not live_project_ids(harbor, robot)


def live_project_ids(harbor: HarborCore, robot: Robot) -> set[int]:
    """Return the ids of a robot's projects that still exist."""
    project_ids = (p.project_id for p in robot.permissions if p.project_id is not None)
    return {id for id in project_ids if harbor.projects.by_id(id) is not None}


def _visibility_test(harbor: HarborCore, caller: Caller) -> Callable[[Project], bool]:
    user, robot = caller.user, caller.robot
    if user is not None:
        return lambda project: project.public or project.role_of(user.id) is not None
    if robot is not None:
        ids = live_project_ids(harbor, robot)
        return lambda project: project.public or project.id in ids
    return lambda project: project.public
