"""Members of a project: users and their roles."""

from __future__ import annotations

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.core import Harbor
from deployments.simulators.harbor.policies import ROLE_NAMES
from deployments.simulators.harbor.state import Member, Project
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.query import page_of, paging
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import Answer, Refusal, created
from deployments.simulators.harbor.web.routing import BASE, Route


def _shown(harbor: Harbor, project: Project, member: Member) -> dict[str, object]:
    return {
        "entity_id": member.user_id,
        "entity_name": harbor.users[member.user_id].name,
        "entity_type": "u",
        "id": member.id,
        "project_id": project.id,
        "role_id": member.role,
        "role_name": ROLE_NAMES[member.role],
    }


async def list_all(call: Call) -> Answer:
    """GET …/members."""
    asked = paging(call)
    project = rights.require_project(call, "member", "list")
    return page_of(
        call, asked, project.members, lambda member: _shown(call.harbor, project, member)
    )


async def add(call: Call) -> Answer:
    """POST …/members: an existing user, once."""
    given = validation.body(call, "projectMember", validation.MEMBER)
    project = rights.require_project(call, "member", "create")
    if given.get("role_id") not in ROLE_NAMES:
        message = "Failed to update project member, role is not in 1,2,3"
        raise Refusal("BAD_REQUEST", message)
    name = str((given.get("member_user") or {}).get("username", ""))
    user = call.harbor.user_named(name)
    if user is None:
        raise Refusal("NOT_FOUND", f"user {name} is not found")
    if project.role_of(user.id) is not None:
        raise Refusal("CONFLICT", "The project member specified already exist")
    member = Member(call.harbor.next_id("member"), user.id, given["role_id"])
    project.members.append(member)
    call.harbor.record(call.caller.name, "create", "member", name, project_id=project.id)
    return created(f"{BASE}/projects/{call.text('project')}/members/{member.id}")


async def remove(call: Call) -> Answer:
    """DELETE …/members/{id}."""
    id = call.number("mid")
    project = rights.require_project(call, "member", "delete")
    kept = [member for member in project.members if member.id != id]
    if len(kept) == len(project.members):
        raise Refusal("NOT_FOUND", f"the project member {id} not found in the project")
    project.members[:] = kept
    return Answer(200)


ROUTES = [
    Route("GET", "/projects/{project}/members", list_all),
    Route("POST", "/projects/{project}/members", add),
    Route("DELETE", "/projects/{project}/members/{mid}", remove),
]
