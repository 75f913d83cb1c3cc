"""Read and delete robot accounts, and refresh their secrets."""

from __future__ import annotations

import random

from starlette.responses import Response

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.api import robot_rules
from deployments.simulators.harbor.state import robot_secrets
from deployments.simulators.harbor.state.core import HarborCore
from deployments.simulators.harbor.state.entities import Permission, Robot
from deployments.simulators.harbor.state.errors import HarborError, bad_request
from deployments.simulators.harbor.web.query import (
    ColumnGetters,
    QueryCondition,
    filter_rows,
    page_response,
    parse_conditions,
    parse_paging,
    sort_rows,
)
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import ListResponse, SortedJson, format_time
from deployments.simulators.harbor.web.routing import api_route
from deployments.simulators.harbor.web.validation import ROBOT_SECRET_SHAPE, parse_body

ROBOT_COLUMNS: ColumnGetters = {
    "name": lambda r: r.stored,
    "Name": lambda r: r.stored,
    "id": lambda r: r.id,
    "ID": lambda r: r.id,
    "disabled": lambda r: r.disable,
    "description": lambda r: r.description,
    "creation_time": lambda r: r.created,
    "update_time": lambda r: r.updated,
}


def robot_json(harbor: HarborCore, robot: Robot) -> dict[str, object]:
    """Return a robot as JSON: without secret, permissions in no particular order."""
    permissions = [_permission_json(p) for p in robot.permissions if _is_live(harbor, p)]
    random.shuffle(permissions)
    fields: dict[str, object] = {"creation_time": format_time(robot.created)}
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
        "update_time": format_time(robot.updated),
    }


def _is_live(harbor: HarborCore, permission: Permission) -> bool:
    # Entries of deleted projects are hidden; a new project of the same name is a different one.
    id = permission.project_id
    return id is None or harbor.projects.by_id(id) is not None


def _permission_json(permission: Permission) -> dict[str, object]:
    access = [{"action": action, "resource": resource} for resource, action in permission.access]
    return {"access": access, "kind": permission.kind, "namespace": permission.namespace}


def _check_level(request: HarborRequest, robot_level: str, project_id: int, action: str) -> None:
    # System robots require a system right, project robots a right in their project.
    if robot_level == "system":
        rights.require_system(request, "robot", action)
        return
    rights.require_user(request)
    project = request.harbor.projects.by_id(project_id)
    if project is None or not rights.is_allowed(request.caller, project, "robot", action):
        raise rights.project_denied(request)


async def list_all(request: HarborRequest) -> ListResponse:
    """GET /robots: system robots, or with `q=Level=project,ProjectID=n` those of one project."""
    paging = parse_paging(request)
    project_id = _requested_project(parse_conditions(request.query_value("q")))
    _check_level(request, "project" if project_id else "system", project_id, "list")
    rows = [robot for robot in request.harbor.robots.values() if robot.project_id == project_id]
    rows = sort_rows(request, filter_rows(request, rows, ROBOT_COLUMNS), ROBOT_COLUMNS, "name")
    return page_response(request, paging, rows, lambda robot: robot_json(request.harbor, robot))


def _requested_project(filters: list[QueryCondition]) -> int:
    # Project 0 means robots of the system level.
    values = {condition.key: condition.value for condition in filters}
    level = values.get("Level", values.get("level", "system"))
    if level not in ("system", "project"):
        raise bad_request("bad request error level input")
    if level == "system":
        return 0
    if "ProjectID" not in values:
        raise bad_request("must with project ID when to query project robots")
    if not values["ProjectID"].isdecimal():
        raise bad_request("ProjectID must be a positive integer")
    return int(values["ProjectID"])


def find_robot_of_path(request: HarborRequest, action: str) -> Robot:
    """Return the robot of the path, if the caller has the right for the action."""
    id = request.path_number("robot_id")
    rights.require_user(request)
    robot = request.harbor.robots.get(id)
    if robot is None:
        raise HarborError("NOT_FOUND", f"robot {id} not found")
    _check_level(request, robot.level, robot.project_id, action)
    return robot


def find_robot_to_change(request: HarborRequest) -> Robot:
    """Return the robot of the path as `find_robot_of_path`, but only for users.

    Robots cannot have the right to change robots.
    """
    robot = find_robot_of_path(request, "update")
    if request.caller.robot is not None:
        raise HarborError("FORBIDDEN", request.caller.name)
    return robot


async def get(request: HarborRequest) -> Response:
    """GET /robots/{id}."""
    return SortedJson(robot_json(request.harbor, find_robot_of_path(request, "read")))


async def delete(request: HarborRequest) -> Response:
    """DELETE /robots/{id}. Its issued tokens stay valid until they expire."""
    robot = find_robot_of_path(request, "delete")
    del request.harbor.robots[robot.id]
    return Response()


async def refresh_secret(request: HarborRequest) -> Response:
    """PATCH /robots/{id}: a generated secret is returned once, a given one is not returned."""
    request.path_number("robot_id")
    payload = await parse_body(request, "robotSec", ROBOT_SECRET_SHAPE)
    robot = find_robot_to_change(request)
    chosen = str(payload.get("secret", ""))
    if chosen:
        robot_rules.check_secret(chosen)
    robot.secret = chosen or robot_secrets.generate_secret()
    robot.updated = request.harbor.clock()
    return SortedJson({} if chosen else {"secret": robot.secret})


ROUTES = [
    api_route("GET", "/robots", list_all),
    api_route("GET", "/robots/{robot_id}", get),
    api_route("DELETE", "/robots/{robot_id}", delete),
    api_route("PATCH", "/robots/{robot_id}", refresh_secret),
]
