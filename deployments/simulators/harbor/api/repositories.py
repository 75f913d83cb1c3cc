"""Repositories in the API."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.responses import Response

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.state import content
from deployments.simulators.harbor.state.entities import Project, Repository
from deployments.simulators.harbor.state.errors import HarborError
from deployments.simulators.harbor.web.query import (
    ColumnGetters,
    filter_rows,
    page_response,
    parse_paging,
    sort_rows,
)
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import ListResponse, format_time
from deployments.simulators.harbor.web.routing import api_route

REPOSITORY_COLUMNS: ColumnGetters = {
    "name": lambda r: r.name,
    "project_id": lambda r: r.project_id,
    "creation_time": lambda r: r.created,
    "update_time": lambda r: r.updated,
    "pull_count": lambda r: r.pull_count,
}


def _to_json(repository: Repository) -> dict[str, object]:
    return {
        "artifact_count": len(repository.artifacts),
        "creation_time": format_time(repository.created),
        "id": repository.id,
        "name": repository.name,
        "project_id": repository.project_id,
        "pull_count": repository.pull_count,
        "update_time": format_time(repository.updated),
    }


async def list_for_project(request: HarborRequest) -> ListResponse:
    """GET /projects/{name}/repositories: the path accepts only the name."""
    paging = parse_paging(request)
    rows = list(_require_project(request, "list").repositories.values())
    rows = filter_rows(request, rows, REPOSITORY_COLUMNS)
    newest = sort_rows(request, rows, REPOSITORY_COLUMNS, "-creation_time")
    return page_response(request, paging, newest, _to_json)


def _require_project(request: HarborRequest, action: str) -> Project:
    return rights.require_project(request, "repository", action, by_name=True)


async def delete(request: HarborRequest) -> Response:
    """DELETE …/repositories/{repository}: the quota is released immediately."""
    project = _require_project(request, "delete")
    # Slashes are escaped twice, or once if there is no nginx in front.
    name = f"{project.name}/{unquote(request.path_text('repository'))}"
    repository = project.repositories.get(name)
    if repository is None:
        raise HarborError("NOT_FOUND", f"repository {name} not found")
    content.delete_repository(request.harbor, project, repository)
    return Response()


ROUTES = [
    api_route("GET", "/projects/{project}/repositories", list_for_project),
    api_route("DELETE", "/projects/{project}/repositories/{repository}", delete),
]
