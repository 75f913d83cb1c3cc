"""Create and replace robot accounts."""

from __future__ import annotations

from typing import Any

from deployments.simulators.harbor import rights, robot_secrets
from deployments.simulators.harbor.api import robot_rules
from deployments.simulators.harbor.api.robots import find_robot_to_change
from deployments.simulators.harbor.state import Robot
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import (
    HarborError,
    HarborResponse,
    created_response,
    format_time,
)
from deployments.simulators.harbor.web.routing import BASE_PATH, Route

SECONDS_PER_DAY = 86400


async def create(call: HarborRequest) -> HarborResponse:
    """POST /robots: the only response with the secret of a new robot."""
    payload = validation.parse_body(call, "robot", validation.ROBOT_SHAPE)
    level, permissions = str(payload.get("level", "")), list(payload.get("permissions") or ())
    robot_rules.check_name(str(payload.get("name", "")))
    days = robot_rules.check_duration(call.harbor, payload)
    robot_rules.check_shape(call.harbor, level, permissions)
    project_id, stored = _project_and_name(call, level, str(payload["name"]), permissions)
    if call.caller.robot is not None:
        robot_rules.check_subset(call.caller.robot, call.caller.name, permissions)
    robot = _insert_robot(call, stored, level, project_id, permissions)
    robot.description = str(payload.get("description", ""))
    robot.disable = bool(payload.get("disable"))
    set_duration(robot, days)
    login = call.harbor.robot_login(robot)
    call.harbor.record(
        call.caller.name, "create", "robot", login, project_id=robot.project_id or None
    )
    answer = {
        "creation_time": format_time(robot.created),
        "expires_at": robot.expires_at,
        "id": robot.id,
        "name": login,
        "secret": robot.secret,
    }
    return created_response(f"{BASE_PATH}/robots/{robot.id}", answer)


def _project_and_name(
    call: HarborRequest, level: str, name: str, permissions: list[dict[str, Any]]
) -> tuple[int, str]:
    """The project of the new robot (0 for the system) and its stored name, if allowed there."""
    if level == "system":
        rights.require_system(call, "robot", "create")
        return 0, name
    rights.require_user(call)
    reference = str(permissions[0].get("namespace", ""))
    project = call.harbor.projects.get(reference)
    if project is None:
        raise HarborError("NOT_FOUND", f"project {reference} not found")
    if not rights.is_allowed(call.caller, project, "robot", "create"):
        rights.raise_project_denied(call)
    stored = f"{project.name}+{name}"
    if len(stored) > robot_rules.MAX_STORED_NAME_LENGTH:
        raise HarborError("UNKNOWN")
    return project.id, stored


def _insert_robot(
    call: HarborRequest, stored: str, level: str, project_id: int, permissions: list[dict[str, Any]]
) -> Robot:
    harbor, caller = call.harbor, call.caller
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


async def replace(call: HarborRequest) -> HarborResponse:
    """PUT /robots/{id}: replaces the robot except its secret."""
    call.path_number("robot_id")
    payload = validation.parse_body(call, "robot", validation.ROBOT_SHAPE)
    permissions = list(payload.get("permissions") or ())
    robot = find_robot_to_change(call)
    level = str(payload.get("level", ""))
    if level not in ("system", "project"):
        raise robot_rules.bad_request(f"bad request error level input: {level}")
    _check_unchanged(call, robot, level, str(payload.get("name", "")))
    days = robot.duration
    if "duration" in payload or call.harbor.release < (2, 11):
        days = robot_rules.check_duration(call.harbor, payload)
    robot_rules.check_shape(call.harbor, level, permissions)
    resolved = robot_rules.resolve_permissions(call.harbor, permissions)
    if robot.project_id and resolved[0].project_id != robot.project_id:
        raise robot_rules.bad_request("cannot update the project id of robot")
    robot.permissions = resolved
    robot.description = str(payload.get("description", ""))
    robot.disable = bool(payload.get("disable"))
    robot.updated = call.harbor.clock()
    set_duration(robot, days)
    return HarborResponse(200)


def _check_unchanged(call: HarborRequest, robot: Robot, level: str, name: str) -> None:
    if level != robot.level or name != call.harbor.robot_login(robot):
        raise robot_rules.bad_request("cannot update the level or name of robot")


ROBOT_WRITE_ROUTES = [
    Route("POST", "/robots", create),
    Route("PUT", "/robots/{robot_id}", replace),
]
