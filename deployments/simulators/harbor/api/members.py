"""Members of a project: users and their roles."""

from __future__ import annotations

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.core import SimulatedHarbor
from deployments.simulators.harbor.policies import ROLE_NAMES
from deployments.simulators.harbor.state import Member, Project
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.query import page_response, parse_paging
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import (
    HarborError,
    HarborResponse,
    created_response,
)
from deployments.simulators.harbor.web.routing import BASE_PATH, Route


def _to_json(harbor: SimulatedHarbor, project: Project, member: Member) -> dict[str, object]:
    return {
        "entity_id": member.user_id,
        "entity_name": harbor.users[member.user_id].name,
        "entity_type": "u",
        "id": member.id,
        "project_id": project.id,
        "role_id": member.role,
        "role_name": ROLE_NAMES[member.role],
    }


async def list_all(call: HarborRequest) -> HarborResponse:
    """GET …/members."""
    page_request = parse_paging(call)
    project = rights.require_project(call, "member", "list")
    return page_response(
        call, page_request, project.members, lambda member: _to_json(call.harbor, project, member)
    )


async def add(call: HarborRequest) -> HarborResponse:
    """POST …/members: an existing user, once."""
    payload = validation.parse_body(call, "projectMember", validation.MEMBER_SHAPE)
    project = rights.require_project(call, "member", "create")
    if payload.get("role_id") not in ROLE_NAMES:
        message = "Failed to update project member, role is not in 1,2,3"
        raise HarborError("BAD_REQUEST", message)
    name = str((payload.get("member_user") or {}).get("username", ""))
    user = call.harbor.find_user(name)
    if user is None:
        raise HarborError("NOT_FOUND", f"user {name} is not found")
    if project.role_of(user.id) is not None:
        raise HarborError("CONFLICT", "The project member specified already exist")
    member = Member(call.harbor.next_id("member"), user.id, payload["role_id"])
    project.members.append(member)
    call.harbor.record(call.caller.name, "create", "member", name, project_id=project.id)
    return created_response(f"{BASE_PATH}/projects/{call.path_text('project')}/members/{member.id}")


async def remove(call: HarborRequest) -> HarborResponse:
    """DELETE …/members/{id}."""
    id = call.path_number("mid")
    project = rights.require_project(call, "member", "delete")
    members = [member for member in project.members if member.id != id]
    if len(members) == len(project.members):
        raise HarborError("NOT_FOUND", f"the project member {id} not found in the project")
    project.members[:] = members
    return HarborResponse(200)


MEMBER_ROUTES = [
    Route("GET", "/projects/{project}/members", list_all),
    Route("POST", "/projects/{project}/members", add),
    Route("DELETE", "/projects/{project}/members/{mid}", remove),
]
