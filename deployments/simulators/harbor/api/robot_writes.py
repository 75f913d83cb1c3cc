"""Creating and replacing robot accounts."""

from __future__ import annotations

from typing import Any

from deployments.simulators.harbor import rights, robot_secrets
from deployments.simulators.harbor.api import robot_rules
from deployments.simulators.harbor.api.robots import find_to_change
from deployments.simulators.harbor.state import Robot
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import Answer, Refusal, created, timestamp
from deployments.simulators.harbor.web.routing import BASE, Route

SECONDS_A_DAY = 86400


async def create(call: Call) -> Answer:
    """POST /robots: the only answer that carries the secret of a new robot."""
    given = validation.body(call, "robot", validation.ROBOT)
    level, permissions = str(given.get("level", "")), list(given.get("permissions") or ())
    robot_rules.check_name(str(given.get("name", "")))
    days = robot_rules.check_duration(call.harbor, given)
    robot_rules.check_shape(call.harbor, level, permissions)
    project_id, stored = _place(call, level, str(given["name"]), permissions)
    if call.caller.robot is not None:
        robot_rules.check_subset(call.caller.robot, call.caller.name, permissions)
    robot = _insert(call, stored, level, project_id, permissions)
    robot.description = str(given.get("description", ""))
    robot.disable = bool(given.get("disable"))
    set_duration(robot, days)
    login = call.harbor.robot_login(robot)
    call.harbor.record(
        call.caller.name, "create", "robot", login, project_id=robot.project_id or None
    )
    answer = {
        "creation_time": timestamp(robot.created),
        "expires_at": robot.expires_at,
        "id": robot.id,
        "name": login,
        "secret": robot.secret,
    }
    return created(f"{BASE}/robots/{robot.id}", answer)


def _place(call: Call, level: str, name: str, permissions: list[dict[str, Any]]) -> tuple[int, str]:
    """The project of the new robot (0 for the system) and its stored name, if allowed there."""
    if level == "system":
        rights.require_system(call, "robot", "create")
        return 0, name
    rights.require_user(call)
    reference = str(permissions[0].get("namespace", ""))
    project = call.harbor.projects.get(reference)
    if project is None:
        raise Refusal("NOT_FOUND", f"project {reference} not found")
    if not rights.allowed(call.caller, project, "robot", "create"):
        rights.refuse_project(call)
    stored = f"{project.name}+{name}"
    if len(stored) > robot_rules.MOST_STORED:
        raise Refusal("UNKNOWN")
    return project.id, stored


def _insert(
    call: Call, stored: str, level: str, project_id: int, permissions: list[dict[str, Any]]
) -> Robot:
    harbor, caller = call.harbor, call.caller
    number = harbor.next_id("robot")  # used up even if the insert is refused below
    if harbor.robots.stored(stored) is not None:
        name = stored.partition("+")[2] or stored
        raise Refusal("CONFLICT", f"robot account {project_id}:{name} already exists")
    resolved = robot_rules.resolve(harbor, permissions)
    now = harbor.clock()
    robot = Robot(number, stored, level, robot_secrets.new_secret(), resolved, now, now, project_id)
    if caller.robot is not None:
        robot.creator_ref, robot.creator_type = caller.robot.id, "robot"
    elif caller.user is not None:
        robot.creator_ref = caller.user.id
    harbor.robots[number] = robot
    return robot


def set_duration(robot: Robot, days: int) -> None:
    """Days from the creation; -1 never expires."""
    robot.duration = days
    expiry = int(robot.created.timestamp()) + days * SECONDS_A_DAY
    robot.expires_at = -1 if days == -1 else expiry


async def replace(call: Call) -> Answer:
    """PUT /robots/{id}: the whole robot anew, but its secret is kept."""
    call.number("robot_id")
    given = validation.body(call, "robot", validation.ROBOT)
    permissions = list(given.get("permissions") or ())
    robot = find_to_change(call)
    level = str(given.get("level", ""))
    if level not in ("system", "project"):
        raise robot_rules.bad(f"bad request error level input: {level}")
    _check_unchanged(call, robot, level, str(given.get("name", "")))
    days = robot.duration
    if "duration" in given or call.harbor.release < (2, 11):
        days = robot_rules.check_duration(call.harbor, given)
    robot_rules.check_shape(call.harbor, level, permissions)
    resolved = robot_rules.resolve(call.harbor, permissions)
    if robot.project_id and resolved[0].project_id != robot.project_id:
        raise robot_rules.bad("cannot update the project id of robot")
    robot.permissions = resolved
    robot.description = str(given.get("description", ""))
    robot.disable = bool(given.get("disable"))
    robot.updated = call.harbor.clock()
    set_duration(robot, days)
    return Answer(200)


def _check_unchanged(call: Call, robot: Robot, level: str, name: str) -> None:
    if level != robot.level or name != call.harbor.robot_login(robot):
        raise robot_rules.bad("cannot update the level or name of robot")


ROUTES = [
    Route("POST", "/robots", create),
    Route("PUT", "/robots/{robot_id}", replace),
]
