"""Reading, deleting and re-keying robot accounts."""

from __future__ import annotations

import random

from deployments.simulators.harbor import rights, robot_secrets
from deployments.simulators.harbor.api import robot_rules
from deployments.simulators.harbor.core import Harbor
from deployments.simulators.harbor.state import Permission, Robot
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.query import (
    Columns,
    Condition,
    conditions,
    filtered,
    ordered,
    page_of,
    paging,
)
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import Answer, Refusal, json_answer, timestamp
from deployments.simulators.harbor.web.routing import Route

COLUMNS: Columns = {
    "name": lambda r: r.stored,
    "Name": lambda r: r.stored,
    "id": lambda r: r.id,
    "ID": lambda r: r.id,
    "disabled": lambda r: r.disable,
    "description": lambda r: r.description,
    "creation_time": lambda r: r.created,
    "update_time": lambda r: r.updated,
}


def shown(harbor: Harbor, robot: Robot) -> dict[str, object]:
    """A robot as the API gives it: never the secret, permissions in no particular order."""
    permissions = [_shown_permission(p) for p in robot.permissions if _live(harbor, p)]
    random.shuffle(permissions)
    fields: dict[str, object] = {"creation_time": timestamp(robot.created)}
    if harbor.release >= (2, 12):
        fields |= {"creator_ref": robot.creator_ref, "creator_type": robot.creator_type}
    if robot.description:
        fields["description"] = robot.description
    return fields | {
        "disable": robot.disable,
        "duration": robot.duration,
        "editable": True,
        "expires_at": robot.expires_at,
        "id": robot.id,
        "level": robot.level,
        "name": harbor.robot_login(robot),
        "permissions": permissions,
        "update_time": timestamp(robot.updated),
    }


def _live(harbor: Harbor, permission: Permission) -> bool:
    """Entries of deleted projects are hidden, and a new project of that name is another one."""
    id = permission.project_id
    return id is None or harbor.projects.by_id(id) is not None


def _shown_permission(permission: Permission) -> dict[str, object]:
    access = [{"action": action, "resource": resource} for resource, action in permission.access]
    return {"access": access, "kind": permission.kind, "namespace": permission.namespace}


def _check_level(call: Call, robot_level: str, project_id: int, action: str) -> None:
    """System robots need a system right, project robots one in their project."""
    if robot_level == "system":
        rights.require_system(call, "robot", action)
        return
    rights.require_user(call)
    project = call.harbor.projects.by_id(project_id)
    if project is None or not rights.allowed(call.caller, project, "robot", action):
        rights.refuse_project(call)


async def list_all(call: Call) -> Answer:
    """GET /robots: system robots, or with `q=Level=project,ProjectID=n` those of one project."""
    asked = paging(call)
    project_id = _asked_project(conditions(call.first("q")))
    _check_level(call, "project" if project_id else "system", project_id, "list")
    rows = [robot for robot in call.harbor.robots.values() if robot.project_id == project_id]
    rows = ordered(call, filtered(call, rows, COLUMNS), COLUMNS, "name")
    return page_of(call, asked, rows, lambda robot: shown(call.harbor, robot))


def _asked_project(found: list[Condition]) -> int:
    """The project whose robots are asked for; 0 means the system's."""
    given = {condition.key: condition.value for condition in found}
    level = given.get("Level", given.get("level", "system"))
    if level not in ("system", "project"):
        raise robot_rules.bad("bad request error level input")
    if level == "system":
        return 0
    if "ProjectID" not in given:
        raise robot_rules.bad("must with project ID when to query project robots")
    if not given["ProjectID"].isdecimal():
        raise robot_rules.bad("ProjectID must be a positive integer")
    return int(given["ProjectID"])


def find(call: Call, action: str) -> Robot:
    """The robot of the path, if the caller may do this with it."""
    id = call.number("robot_id")
    rights.require_user(call)
    robot = call.harbor.robots.get(id)
    if robot is None:
        raise Refusal("NOT_FOUND", f"robot {id} not found")
    _check_level(call, robot.level, robot.project_id, action)
    return robot


def find_to_change(call: Call) -> Robot:
    """As `find`, but robots may change no robot: that right cannot be granted to them."""
    robot = find(call, "update")
    if call.caller.robot is not None:
        raise Refusal("FORBIDDEN", call.caller.name)
    return robot


async def get(call: Call) -> Answer:
    """GET /robots/{id}."""
    return json_answer(shown(call.harbor, find(call, "read")))


async def delete(call: Call) -> Answer:
    """DELETE /robots/{id}. Tokens it was given go on working until they expire."""
    robot = find(call, "delete")
    del call.harbor.robots[robot.id]
    login = call.harbor.robot_login(robot)
    call.harbor.record(
        call.caller.name, "delete", "robot", login, project_id=robot.project_id or None
    )
    return Answer(200)


async def rekey(call: Call) -> Answer:
    """PATCH /robots/{id}: a new secret, shown once; a chosen one is not shown at all."""
    call.number("robot_id")
    given = validation.body(call, "robotSec", validation.ROBOT_SECRET)
    robot = find_to_change(call)
    chosen = str(given.get("secret", ""))
    if chosen:
        robot_rules.check_secret(chosen)
    robot.secret = chosen or robot_secrets.new_secret()
    robot.updated = call.harbor.clock()
    return json_answer({} if chosen else {"secret": robot.secret})


ROUTES = [
    Route("GET", "/robots", list_all),
    Route("GET", "/robots/{robot_id}", get),
    Route("DELETE", "/robots/{robot_id}", delete),
    Route("PATCH", "/robots/{robot_id}", rekey),
]
