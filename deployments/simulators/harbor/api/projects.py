"""Read projects: list, get, summary, deletable and search."""

from __future__ import annotations

from collections import Counter

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.api import project_rows
from deployments.simulators.harbor.state import Project, RemoteRegistry
from deployments.simulators.harbor.web.query import (
    ColumnGetters,
    filter_rows,
    link_header,
    parse_paging,
    sort_rows,
)
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import (
    JSON_TYPE,
    HarborError,
    HarborResponse,
    format_time,
    json_response,
    list_response,
)
from deployments.simulators.harbor.web.routing import Route
from deployments.simulators.harbor.web.validation import unprocessable_error

PROJECT_COLUMNS: ColumnGetters = {
    "name": lambda p: p.name,
    "Name": lambda p: p.name,
    "project_id": lambda p: p.id,
    "ProjectID": lambda p: p.id,
    "registry_id": lambda p: p.registry_id,
    "owner_id": lambda p: p.owner_id,
    "owner": lambda p: p.owner_name,
    "public": lambda p: p.metadata.get("public", ""),
    "creation_time": lambda p: p.created,
    "update_time": lambda p: p.updated,
}

UNDELETABLE_MESSAGE = "the project contains repositories, can not be deleted"
ROLE_COUNT_KEYS = {
    1: "project_admin_count",
    2: "developer_count",
    3: "guest_count",
    4: "maintainer_count",
    5: "limited_guest_count",
}


async def list_projects(call: HarborRequest) -> HarborResponse:
    """GET /projects: projects visible to the caller, sorted by name."""
    page_request = parse_paging(call)
    show = project_rows.project_row
    if call.query_flag("with_detail") is False:
        show = project_rows.project_row_without_detail
    visible_projects = rights.visible_projects(call.harbor, call.caller, call.query_flag("public"))
    if visible_projects is None and not any(
        call.query_value(key) for key in ("q", "name", "owner", "sort")
    ):
        # The complete list in its own order needs no copy.
        cut = page_request.row_slice()
        total = len(call.harbor.projects)
        page = call.harbor.projects.page(cut.start or 0, cut.stop)
    else:
        rows = _filter_projects(
            call,
            call.harbor.projects.sorted_by_name() if visible_projects is None else visible_projects,
        )
        total, page = len(rows), rows[page_request.row_slice()]
    bodies = [show(project, call.caller) for project in page]
    return list_response(bodies, total, link_header(call, page_request, total))


def _filter_projects(call: HarborRequest, rows: list[Project]) -> list[Project]:
    name, owner = call.query_value("name").lower(), call.query_value("owner")
    if name:
        rows = [p for p in rows if name in p.name]
    if owner:
        rows = [p for p in rows if p.owner_name == owner]
    return sort_rows(call, filter_rows(call, rows, PROJECT_COLUMNS), PROJECT_COLUMNS, "")


async def head_project(call: HarborRequest) -> HarborResponse:
    """HEAD /projects?project_name=: whether a name exists, for any user."""
    name = call.query_value("project_name")
    if not name:
        raise unprocessable_error("project_name in query is required")
    rights.require_user(call)
    if name not in call.harbor.projects:
        raise HarborError("NOT_FOUND", f"project {name} not found")
    return HarborResponse(200)


async def get_project(call: HarborRequest) -> HarborResponse:
    """GET /projects/{id or name}."""
    project = rights.require_project(call, "project", "read")
    return HarborResponse(200, project_rows.project_row(project, call.caller) + b"\n", JSON_TYPE)


async def check_deletable(call: HarborRequest) -> HarborResponse:
    """GET /projects/{x}/_deletable: the key is missing if it is not deletable."""
    project = rights.require_project(call, "project", "delete")
    return json_response(
        {"message": UNDELETABLE_MESSAGE} if project.repositories else {"deletable": True}
    )


async def get_summary(call: HarborRequest) -> HarborResponse:
    """GET /projects/{x}/summary: counts and quota, depending on the rights of the caller."""
    project = rights.require_project(call, "project", "read")
    body: dict[str, object] = {"repo_count": len(project.repositories)}
    quota = project.quota
    if (
        quota is not None
        and call.harbor.settings.quota_per_project_enable
        and rights.is_allowed(call.caller, project, "quota", "read")
    ):
        body["quota"] = {"hard": {"storage": quota.hard}, "used": {"storage": quota.used}}
    if rights.is_allowed(call.caller, project, "member", "list"):
        roles = Counter(ROLE_COUNT_KEYS[member.role] for member in project.members)
        body |= dict(roles)
    remote = call.harbor.registries.get(project.registry_id or 0)
    if remote is not None:
        body["registry"] = remote_registry_json(remote)
    return json_response(body)


def remote_registry_json(remote: RemoteRegistry) -> dict[str, object]:
    """Return a remote registry as JSON."""
    insecure: dict[str, object] = {"insecure": True} if remote.insecure else {}
    return insecure | {
        "creation_time": format_time(remote.created),
        "id": remote.id,
        "name": remote.name,
        "status": "healthy",
        "type": remote.type,
        "update_time": format_time(remote.created),
        "url": remote.url,
    }


async def search(call: HarborRequest) -> HarborResponse:
    """GET /search: projects and repositories whose name contains the text."""
    visible_projects = rights.visible_projects(call.harbor, call.caller, None)
    text = call.query_value("q")
    projects = (
        call.harbor.projects.sorted_by_name() if visible_projects is None else visible_projects
    )
    rows = [project_rows.project_search_row(p, call.caller) for p in projects if text in p.name]
    repositories = [
        {
            "artifact_count": len(repository.artifacts),
            "project_id": project.id,
            "project_name": project.name,
            "project_public": project.public,
            "pull_count": repository.pull_count,
            "repository_name": repository.name,
        }
        for project in projects
        for repository in project.repositories.values()
        if text in repository.name
    ]
    body = json_response({"repository": repositories}).body
    return HarborResponse(200, b'{"project":[' + b",".join(rows) + b"]," + body[1:], JSON_TYPE)


PROJECT_ROUTES = [
    Route("GET", "/projects", list_projects),
    Route("HEAD", "/projects", head_project),
    Route("GET", "/projects/{project}", get_project),
    Route("GET", "/projects/{project}/_deletable", check_deletable),
    Route("GET", "/projects/{project}/summary", get_summary),
    Route("GET", "/search", search),
]
