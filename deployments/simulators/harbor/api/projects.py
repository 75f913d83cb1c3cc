"""Reading projects: lists, one, its summary, whether it may be deleted, and the search."""

from __future__ import annotations

from collections import Counter

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.api import project_rows
from deployments.simulators.harbor.state import Project, RemoteRegistry
from deployments.simulators.harbor.web.query import Columns, filtered, link, ordered, paging
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import (
    JSON,
    Answer,
    Refusal,
    json_answer,
    page_answer,
    timestamp,
)
from deployments.simulators.harbor.web.routing import Route
from deployments.simulators.harbor.web.validation import unprocessable

COLUMNS: Columns = {
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

UNDELETABLE = "the project contains repositories, can not be deleted"
COUNTED_ROLES = {
    1: "project_admin_count",
    2: "developer_count",
    3: "guest_count",
    4: "maintainer_count",
    5: "limited_guest_count",
}


async def list_projects(call: Call) -> Answer:
    """GET /projects: what the caller may see, by name."""
    asked = paging(call)
    show = project_rows.row
    if call.flag("with_detail") is False:
        show = project_rows.plain_row
    seen = rights.visible(call.harbor, call.caller, call.flag("public"))
    if seen is None and not any(call.first(key) for key in ("q", "name", "owner", "sort")):
        # The whole list in its own order needs no list at all.
        cut = asked.cut()
        total = len(call.harbor.projects)
        page = call.harbor.projects.page(cut.start or 0, cut.stop)
    else:
        rows = _chosen(call, call.harbor.projects.sorted() if seen is None else seen)
        total, page = len(rows), rows[asked.cut()]
    bodies = [show(project, call.caller) for project in page]
    return page_answer(bodies, total, link(call, asked, total))


def _chosen(call: Call, rows: list[Project]) -> list[Project]:
    name, owner = call.first("name").lower(), call.first("owner")
    if name:
        rows = [p for p in rows if name in p.name]
    if owner:
        rows = [p for p in rows if p.owner_name == owner]
    return ordered(call, filtered(call, rows, COLUMNS), COLUMNS, "")


async def head_project(call: Call) -> Answer:
    """HEAD /projects?project_name=: says for any user whether a name exists."""
    name = call.first("project_name")
    if not name:
        raise unprocessable("project_name in query is required")
    rights.require_user(call)
    if name not in call.harbor.projects:
        raise Refusal("NOT_FOUND", f"project {name} not found")
    return Answer(200)


async def get_project(call: Call) -> Answer:
    """GET /projects/{id or name}."""
    project = rights.require_project(call, "project", "read")
    return Answer(200, project_rows.row(project, call.caller) + b"\n", JSON)


async def deletable(call: Call) -> Answer:
    """GET /projects/{x}/_deletable: the key is absent when it is not."""
    project = rights.require_project(call, "project", "delete")
    return json_answer({"message": UNDELETABLE} if project.repositories else {"deletable": True})


async def summary(call: Call) -> Answer:
    """GET /projects/{x}/summary: the counts and the quota, for who may see them."""
    project = rights.require_project(call, "project", "read")
    shown: dict[str, object] = {"repo_count": len(project.repositories)}
    quota = project.quota
    if (
        quota is not None
        and call.harbor.settings.quota_per_project_enable
        and rights.allowed(call.caller, project, "quota", "read")
    ):
        shown["quota"] = {"hard": {"storage": quota.hard}, "used": {"storage": quota.used}}
    if rights.allowed(call.caller, project, "member", "list"):
        roles = Counter(COUNTED_ROLES[member.role] for member in project.members)
        shown |= dict(roles)
    remote = call.harbor.registries.get(project.registry_id or 0)
    if remote is not None:
        shown["registry"] = shown_registry(remote)
    return json_answer(shown)


def shown_registry(remote: RemoteRegistry) -> dict[str, object]:
    """A remote registry as JSON."""
    insecure: dict[str, object] = {"insecure": True} if remote.insecure else {}
    return insecure | {
        "creation_time": timestamp(remote.created),
        "id": remote.id,
        "name": remote.name,
        "status": "healthy",
        "type": remote.type,
        "update_time": timestamp(remote.created),
        "url": remote.url,
    }


async def search(call: Call) -> Answer:
    """GET /search: projects and repositories whose name contains the text."""
    seen = rights.visible(call.harbor, call.caller, None)
    text = call.first("q")
    known = call.harbor.projects.sorted() if seen is None else seen
    rows = [project_rows.search_row(p, call.caller) for p in known if text in p.name]
    repositories = [
        {
            "artifact_count": len(repository.artifacts),
            "project_id": project.id,
            "project_name": project.name,
            "project_public": project.public,
            "pull_count": repository.pull_count,
            "repository_name": repository.name,
        }
        for project in known
        for repository in project.repositories.values()
        if text in repository.name
    ]
    found = json_answer({"repository": repositories}).body
    return Answer(200, b'{"project":[' + b",".join(rows) + b"]," + found[1:], JSON)


ROUTES = [
    Route("GET", "/projects", list_projects),
    Route("HEAD", "/projects", head_project),
    Route("GET", "/projects/{project}", get_project),
    Route("GET", "/projects/{project}/_deletable", deletable),
    Route("GET", "/projects/{project}/summary", summary),
    Route("GET", "/search", search),
]
