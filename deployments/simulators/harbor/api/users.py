"""The account of the caller, and the user administration that tests need."""

from __future__ import annotations

import re

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.policies import PROJECT_POLICIES
from deployments.simulators.harbor.state import User
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import (
    HarborError,
    HarborResponse,
    created_response,
    format_time,
    json_response,
)
from deployments.simulators.harbor.web.routing import BASE_PATH, Route


def user_json(user: User) -> dict[str, object]:
    """Return a user as JSON; empty texts are omitted."""
    texts = {"comment": user.comment, "email": user.email}
    return {
        "admin_role_in_auth": False,
        "creation_time": format_time(user.created),
        "realname": user.realname,
        "sysadmin_flag": user.sysadmin,
        "update_time": format_time(user.updated),
        "user_id": user.id,
        "username": user.name,
    } | {key: text for key, text in texts.items() if text}


async def get_current(call: HarborRequest) -> HarborResponse:
    """GET /users/current: only for users, not for robots."""
    rights.require_user(call)
    if call.caller.user is None:
        message = "get current user not available for security context: robot"
        raise HarborError("PRECONDITION", message)
    return json_response(user_json(call.caller.user))


async def list_own_permissions(call: HarborRequest) -> HarborResponse:
    """GET /users/current/permissions: rights of the caller in one project."""
    rights.require_user(call)
    match = re.fullmatch(r"/project/(\d+)", call.query_value("scope"))
    project = call.harbor.projects.by_id(int(match[1])) if match else None
    if project is None:
        return json_response([])
    base = "" if call.query_flag("relative") else f"{call.query_value('scope')}/"
    return json_response(
        [
            {"action": action, "resource": base + ("." if resource == "project" else resource)}
            for resource, action in PROJECT_POLICIES
            if rights.is_allowed(call.caller, project, resource, action)
        ]
    )


async def create_user(call: HarborRequest) -> HarborResponse:
    """POST /users."""
    payload = validation.parse_body(call, "userReq", validation.ANY_SHAPE)
    rights.require_sysadmin(call)
    name = str(payload.get("username", ""))
    if call.harbor.find_user(name) is not None:
        raise HarborError("CONFLICT", f"user {name} or email {payload.get('email')} already exists")
    password, email = str(payload.get("password", "")), str(payload.get("email", ""))
    user = call.harbor.add_user(name, password, email=email)
    user.realname, user.comment = str(payload.get("realname", "")), str(payload.get("comment", ""))
    call.harbor.record(call.caller.name, "create", "user", name)
    return created_response(f"{BASE_PATH}/users/{user.id}")


async def set_sysadmin(call: HarborRequest) -> HarborResponse:
    """PUT /users/{id}/sysadmin."""
    id = call.path_number("user_id")
    payload = validation.parse_body(call, "sysadmin_flag", validation.ANY_SHAPE)
    rights.require_sysadmin(call)
    user = call.harbor.users.get(id)
    if user is None:
        raise HarborError("NOT_FOUND", f"user {id} not found")
    user.sysadmin, user.updated = bool(payload.get("sysadmin_flag")), call.harbor.clock()
    return HarborResponse(200)


USER_ROUTES = [
    Route("GET", "/users/current", get_current),
    Route("GET", "/users/current/permissions", list_own_permissions),
    Route("POST", "/users", create_user),
    Route("PUT", "/users/{user_id}/sysadmin", set_sysadmin),
]
