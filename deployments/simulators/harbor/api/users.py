"""The caller's own account, and the little user administration tests need."""

from __future__ import annotations

import re

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.policies import PROJECT_POLICIES
from deployments.simulators.harbor.state import User
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import (
    Answer,
    Refusal,
    created,
    json_answer,
    timestamp,
)
from deployments.simulators.harbor.web.routing import BASE, Route


def shown(user: User) -> dict[str, object]:
    """A user as the API gives it; empty texts are left out."""
    texts = {"comment": user.comment, "email": user.email}
    return {
        "admin_role_in_auth": False,
        "creation_time": timestamp(user.created),
        "realname": user.realname,
        "sysadmin_flag": user.sysadmin,
        "update_time": timestamp(user.updated),
        "user_id": user.id,
        "username": user.name,
    } | {key: text for key, text in texts.items() if text}


async def current(call: Call) -> Answer:
    """GET /users/current: for users; a robot has no user."""
    rights.require_user(call)
    if call.caller.user is None:
        message = "get current user not available for security context: robot"
        raise Refusal("PRECONDITION", message)
    return json_answer(shown(call.caller.user))


async def own_permissions(call: Call) -> Answer:
    """GET /users/current/permissions: what the caller may do in one project."""
    rights.require_user(call)
    found = re.fullmatch(r"/project/(\d+)", call.first("scope"))
    project = call.harbor.projects.by_id(int(found[1])) if found else None
    if project is None:
        return json_answer([])
    base = "" if call.flag("relative") else f"{call.first('scope')}/"
    return json_answer(
        [
            {"action": action, "resource": base + ("." if resource == "project" else resource)}
            for resource, action in PROJECT_POLICIES
            if rights.allowed(call.caller, project, resource, action)
        ]
    )


async def create(call: Call) -> Answer:
    """POST /users."""
    given = validation.body(call, "userReq", validation.ANYTHING)
    rights.require_sysadmin(call)
    name = str(given.get("username", ""))
    if call.harbor.user_named(name) is not None:
        raise Refusal("CONFLICT", f"user {name} or email {given.get('email')} already exists")
    password, email = str(given.get("password", "")), str(given.get("email", ""))
    user = call.harbor.add_user(name, password, email=email)
    user.realname, user.comment = str(given.get("realname", "")), str(given.get("comment", ""))
    call.harbor.record(call.caller.name, "create", "user", name)
    return created(f"{BASE}/users/{user.id}")


async def set_sysadmin(call: Call) -> Answer:
    """PUT /users/{id}/sysadmin."""
    id = call.number("user_id")
    given = validation.body(call, "sysadmin_flag", validation.ANYTHING)
    rights.require_sysadmin(call)
    user = call.harbor.users.get(id)
    if user is None:
        raise Refusal("NOT_FOUND", f"user {id} not found")
    user.sysadmin, user.updated = bool(given.get("sysadmin_flag")), call.harbor.clock()
    return Answer(200)


ROUTES = [
    Route("GET", "/users/current", current),
    Route("GET", "/users/current/permissions", own_permissions),
    Route("POST", "/users", create),
    Route("PUT", "/users/{user_id}/sysadmin", set_sysadmin),
]
