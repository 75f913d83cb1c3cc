"""Who may do what, and who sees which projects."""

from __future__ import annotations

from collections.abc import Callable

from deployments.simulators.harbor.core import Harbor
from deployments.simulators.harbor.policies import PUBLIC, ROLES
from deployments.simulators.harbor.state import Permission, Project, Robot
from deployments.simulators.harbor.web.request import Call, Caller
from deployments.simulators.harbor.web.responses import Refusal


def allowed(caller: Caller, project: Project, resource: str, action: str) -> bool:
    """Whether the caller may do this in the project."""
    if caller.sysadmin or (project.public and (resource, action) in PUBLIC):
        return True
    if caller.user is not None:
        role = project.role_of(caller.user.id)
        return role is not None and (resource, action) in ROLES[role]
    if caller.robot is not None:
        wanted = (resource, action)
        return any(_grants(p, caller.robot, project, wanted) for p in caller.robot.permissions)
    return False


def _grants(given: Permission, robot: Robot, project: Project, wanted: tuple[str, str]) -> bool:
    if given.kind != "project":
        return False
    everywhere = given.namespace == "*"
    if not everywhere and given.project_id != project.id:
        return False
    if wanted in given.access:
        return True
    # `project:read` on `*` becomes the pattern /project/*, which matches everything below too.
    if everywhere and ("project", wanted[1]) in given.access:
        return True
    # Only a robot of one project may pull because it may push.
    implied = wanted == ("repository", "pull") and ("repository", "push") in given.access
    return implied and robot.level == "project"


def allowed_system(caller: Caller, resource: str, action: str) -> bool:
    """Whether the caller may do this to the whole Harbor."""
    if caller.sysadmin:
        return True
    granted = caller.robot.permissions if caller.robot is not None else ()
    return any(p.kind == "system" and (resource, action) in p.access for p in granted)


def require_user(call: Call, message: str = "unauthorized") -> None:
    """Any accepted credentials."""
    if call.caller.anonymous:
        raise Refusal("UNAUTHORIZED", message)


def require_system(call: Call, resource: str, action: str) -> None:
    """A system right; the 403 carries nothing but the caller's name."""
    require_user(call)
    if not allowed_system(call.caller, resource, action):
        raise Refusal("FORBIDDEN", call.caller.name)


def require_sysadmin(call: Call) -> None:
    """What no robot can be given."""
    require_user(call)
    if not call.caller.sysadmin:
        raise Refusal("FORBIDDEN", call.caller.name)


def require_project(call: Call, resource: str, action: str) -> Project:
    """The project of the path, if the caller may do this in it.

    Only who needs no role in it learns that a project does not exist.
    """
    reference = call.text("project")
    project = find_project(call, reference)
    if project is not None and allowed(call.caller, project, resource, action):
        return project
    if call.caller.sysadmin:
        if " " in reference:
            raise Refusal("BAD_REQUEST", f"invalid project name: '{reference}'")
        raise Refusal("NOT_FOUND", f"project {reference} not found")
    refuse_project(call)
    raise AssertionError("unreachable")


def refuse_project(call: Call) -> None:
    """401 to nobody, 403 to everybody else."""
    require_user(call)
    raise Refusal("FORBIDDEN", "forbidden")


def find_project(call: Call, reference: str) -> Project | None:
    """By id if it looks like one, unless the header says it is a name."""
    need_database(call.harbor)
    named = call.headers.get("x-is-resource-name", "").lower() == "true"
    if reference.isdecimal() and not named:
        return call.harbor.projects.by_id(int(reference))
    return call.harbor.projects.get(reference)


def need_database(harbor: Harbor) -> None:
    """An operation that reads the database answers 500 without it."""
    if not harbor.database_up:
        raise Refusal("UNKNOWN")


def sees_all(caller: Caller) -> bool:
    """Whether the project list is the whole list.

    A system robot left without a single named project has an empty name filter, and an empty
    filter filters nothing: it sees every project. That is Harbor's mistake, kept here.
    """
    if caller.sysadmin:
        return True
    robot = caller.robot
    if robot is None or robot.level != "system":
        return False
    return allowed_system(caller, "project", "list") or any(
        p.namespace == "*" for p in robot.permissions
    )


def visible(harbor: Harbor, caller: Caller, public: bool | None) -> list[Project] | None:
    """The projects a caller may list, in the order of their names; None means all of them."""
    need_database(harbor)
    everything = sees_everything(harbor, caller)
    if everything and public is None:
        return None
    rows = harbor.projects.sorted()
    if public is not None:
        # Metadata may hold any word; only these two are ever matched.
        word = "true" if public else "false"
        rows = [p for p in rows if p.metadata.get("public") == word]
    if everything or public:
        return rows
    test = _visibility(harbor, caller)
    return [p for p in rows if test(p)]


def sees_everything(harbor: Harbor, caller: Caller) -> bool:
    """Sees all by right, or by having lost all its projects."""
    if sees_all(caller):
        return True
    robot = caller.robot
    return robot is not None and robot.level == "system" and not live_ids(harbor, robot)


def live_ids(harbor: Harbor, robot: Robot) -> set[int]:
    """The ids of the projects a robot names that still exist."""
    named = (p.project_id for p in robot.permissions if p.project_id is not None)
    return {id for id in named if harbor.projects.by_id(id) is not None}


def _visibility(harbor: Harbor, caller: Caller) -> Callable[[Project], bool]:
    user, robot = caller.user, caller.robot
    if user is not None:
        return lambda project: project.public or project.role_of(user.id) is not None
    if robot is not None:
        ids = live_ids(harbor, robot)
        return lambda project: project.public or project.id in ids
    return lambda project: project.public
