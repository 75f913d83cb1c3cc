"""Create and replace robot accounts."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.api import robot_rules
from deployments.simulators.harbor.api.robots import find_robot_to_change
from deployments.simulators.harbor.state import robot_secrets
from deployments.simulators.harbor.state.entities import Robot
from deployments.simulators.harbor.state.errors import HarborError, bad_request
from deployments.simulators.harbor.web.request import API_PREFIX, HarborRequest
from deployments.simulators.harbor.web.responses import SortedJson, format_time
from deployments.simulators.harbor.web.routing import api_route
from deployments.simulators.harbor.web.validation import ROBOT_SHAPE, parse_body

SECONDS_PER_DAY = 86400


async def create(request: HarborRequest) -> Response:
    """POST /robots: the only response with the secret of a new robot."""
    payload = await parse_body(request, "robot", ROBOT_SHAPE)
    level, permissions = str(payload.get("level", "")), list(payload.get("permissions") or ())
    robot_rules.check_name(str(payload.get("name", "")))
    days = robot_rules.check_duration(request.harbor, payload)
    robot_rules.check_shape(request.harbor, level, permissions)
    project_id, stored = _project_and_name(request, level, str(payload["name"]), permissions)
    if request.caller.robot is not None:
        robot_rules.check_subset(request.caller.robot, request.caller.name, permissions)
    robot = _insert_robot(request, stored, level, project_id, permissions)
    robot.description = str(payload.get("description", ""))
    robot.disable = bool(payload.get("disable"))
    set_duration(robot, days)
    answer = {
        "creation_time": format_time(robot.created),
        "expires_at": robot.expires_at,
        "id": robot.id,
        "name": request.harbor.robot_login(robot),
        "secret": robot.secret,
    }
    return SortedJson(answer, 201, {"location": f"{API_PREFIX}/robots/{robot.id}"})


def _project_and_name(
    request: HarborRequest, level: str, name: str, permissions: list[dict[str, Any]]
) -> tuple[int, str]:
    """The project of the new robot (0 for the system) and its stored name, if allowed there."""
    if level == "system":
        rights.require_system(request, "robot", "create")
        return 0, name
    rights.require_user(request)
    reference = str(permissions[0].get("namespace", ""))
    project = request.harbor.projects.get(reference)
    if project is None:
        raise HarborError("NOT_FOUND", f"project {reference} not found")
    if not rights.is_allowed(request.caller, project, "robot", "create"):
        raise rights.project_denied(request)
    stored = f"{project.name}+{name}"
    if len(stored) > robot_rules.MAX_STORED_NAME_LENGTH:
        raise HarborError("UNKNOWN")
    return project.id, stored


def _insert_robot(
    request: HarborRequest,
    stored: str,
    level: str,
    project_id: int,
    permissions: list[dict[str, Any]],
) -> Robot:
    harbor, caller = request.harbor, request.caller
    number = harbor.next_id("robot")  # used up even if the insert fails below
    if harbor.robots.by_stored_name(stored) is not None:
        name = stored.partition("+")[2] or stored
        raise HarborError("CONFLICT", f"robot account {project_id}:{name} already exists")
    resolved = robot_rules.resolve_permissions(harbor, permissions)
    now = harbor.clock()
    robot = Robot(
        number, stored, level, robot_secrets.generate_secret(), resolved, now, now, project_id
    )
    if caller.robot is not None:
        robot.creator_ref, robot.creator_type = caller.robot.id, "robot"
    elif caller.user is not None:
        robot.creator_ref = caller.user.id
    harbor.robots[number] = robot
    return robot


def set_duration(robot: Robot, days: int) -> None:
    """Set the expiry in days after the creation; -1 never expires."""
    robot.duration = days
    expiry = int(robot.created.timestamp()) + days * SECONDS_PER_DAY
    robot.expires_at = -1 if days == -1 else expiry


async def replace(request: HarborRequest) -> Response:
    """PUT /robots/{id}: replaces the robot except its secret."""
    request.path_number("robot_id")
    payload = await parse_body(request, "robot", ROBOT_SHAPE)
    permissions = list(payload.get("permissions") or ())
    robot = find_robot_to_change(request)
    level = str(payload.get("level", ""))
    if level not in ("system", "project"):
        raise bad_request(f"bad request error level input: {level}")
    _check_unchanged(request, robot, level, str(payload.get("name", "")))
    days = robot.duration
    if "duration" in payload or request.harbor.release < (2, 11):
        days = robot_rules.check_duration(request.harbor, payload)
    robot_rules.check_shape(request.harbor, level, permissions)
    resolved = robot_rules.resolve_permissions(request.harbor, permissions)
    if robot.project_id and resolved[0].project_id != robot.project_id:
        raise bad_request("cannot update the project id of robot")
    robot.permissions = resolved
    robot.description = str(payload.get("description", ""))
    robot.disable = bool(payload.get("disable"))
    robot.updated = request.harbor.clock()
    set_duration(robot, days)
    return Response()


def _check_unchanged(request: HarborRequest, robot: Robot, level: str, name: str) -> None:
    if level != robot.level or name != request.harbor.robot_login(robot):
        raise bad_request("cannot update the level or name of robot")


ROUTES = [
    api_route("POST", "/robots", create),
    api_route("PUT", "/robots/{robot_id}", replace),
]
