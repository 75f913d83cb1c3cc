"""Repositories and their artifacts in the API."""

from __future__ import annotations

from urllib.parse import unquote

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.distribution import content
from deployments.simulators.harbor.state import Artifact, Project, Repository
from deployments.simulators.harbor.web.query import (
    ColumnGetters,
    Paging,
    filter_rows,
    page_response,
    parse_paging,
    sort_rows,
)
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import (
    ZERO_TIME,
    HarborError,
    HarborResponse,
    format_time,
    json_response,
)
from deployments.simulators.harbor.web.routing import BASE_PATH, Route

REPOSITORY_COLUMNS: ColumnGetters = {
    "name": lambda r: r.name,
    "project_id": lambda r: r.project_id,
    "creation_time": lambda r: r.created,
    "update_time": lambda r: r.updated,
    "pull_count": lambda r: r.pull_count,
}
# The icon every container image has.
ICON_DIGEST = "sha256:0048162a053eef4d4ce3fe7518615bef084403614f8bca43b40ae2e762e11e06"


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


async def list_all(call: HarborRequest) -> HarborResponse:
    """GET /repositories: those of all projects visible to the caller."""
    page_request = parse_paging(call)
    visible_projects = rights.visible_projects(call.harbor, call.caller, None)
    projects = (
        call.harbor.projects.sorted_by_name() if visible_projects is None else visible_projects
    )
    return _repositories_page(
        call, page_request, [r for p in projects for r in p.repositories.values()]
    )


async def list_for_project(call: HarborRequest) -> HarborResponse:
    """GET /projects/{name}/repositories: the path accepts only the name."""
    page_request = parse_paging(call)
    project = _require_repository_project(call, "list")
    return _repositories_page(call, page_request, list(project.repositories.values()))


def _repositories_page(
    call: HarborRequest, page_request: Paging, rows: list[Repository]
) -> HarborResponse:
    newest = sort_rows(
        call, filter_rows(call, rows, REPOSITORY_COLUMNS), REPOSITORY_COLUMNS, "-creation_time"
    )
    return page_response(call, page_request, newest, _to_json)


def _require_repository_project(
    call: HarborRequest, action: str, resource: str = "repository"
) -> Project:
    call.headers["x-is-resource-name"] = "true"
    return rights.require_project(call, resource, action)


def _full_name(call: HarborRequest, project: Project) -> str:
    # Slashes are escaped twice, or once if there is no nginx in front.
    return f"{project.name}/{unquote(call.path_text('repository'))}"


def _find_repository(call: HarborRequest, action: str) -> tuple[Project, Repository]:
    project = _require_repository_project(call, action)
    name = _full_name(call, project)
    repository = project.repositories.get(name)
    if repository is None:
        raise HarborError("NOT_FOUND", f"repository {name} not found")
    return project, repository


async def get(call: HarborRequest) -> HarborResponse:
    """GET /projects/{name}/repositories/{repository}."""
    return json_response(_to_json(_find_repository(call, "read")[1]))


async def delete(call: HarborRequest) -> HarborResponse:
    """DELETE …/repositories/{repository}: the quota is released immediately."""
    project, repository = _find_repository(call, "delete")
    content.delete_repository(call.harbor, project, repository)
    call.harbor.record(
        call.caller.name, "delete", "repository", repository.name, project_id=project.id
    )
    return HarborResponse(200)


async def list_artifacts(call: HarborRequest) -> HarborResponse:
    """GET …/repositories/{repository}/artifacts: newest first; `[]` for a missing repository."""
    page_request = parse_paging(call)
    project = _require_repository_project(call, "list", "artifact")
    repository = project.repositories.get(_full_name(call, project))
    if repository is None:
        rows: list[Artifact] = []
        return page_response(call, page_request, rows, lambda row: row.id)
    newest = list(reversed(repository.artifacts.values()))
    return page_response(call, page_request, newest, lambda a: _artifact_json(call, repository, a))


def _artifact_json(
    call: HarborRequest, repository: Repository, artifact: Artifact
) -> dict[str, object]:
    place = (
        f"{BASE_PATH}/projects/{call.params['project']}/repositories/{call.params['repository']}"
    )
    history = f"{place}/artifacts/{artifact.digest}/additions/build_history"
    return {
        "accessories": None,
        "addition_links": {"build_history": {"absolute": False, "href": history}},
        "artifact_type": artifact.config_type,
        "digest": artifact.digest,
        "extra_attrs": {
            "architecture": "amd64", "author": "", "config": {}, "created": None, "os": "linux",
        },
        "icon": ICON_DIGEST,
        "id": artifact.id,
        "labels": None,
        "manifest_media_type": artifact.media_type,
        "media_type": artifact.config_type,
        "project_id": repository.project_id,
        "pull_time": ZERO_TIME,
        "push_time": format_time(artifact.pushed),
        "references": None,
        "repository_id": repository.id,
        "repository_name": repository.name,
        "size": artifact.size,
        "tags": _tags_json(repository, artifact),
        "type": "IMAGE",
    }  # fmt: skip


def _tags_json(repository: Repository, artifact: Artifact) -> list[dict[str, object]] | None:
    tags: list[dict[str, object]] = [
        {
            "artifact_id": artifact.id,
            "id": tag.id,
            "immutable": False,
            "name": tag.name,
            "pull_time": ZERO_TIME,
            "push_time": format_time(tag.pushed),
            "repository_id": repository.id,
        }
        for tag in artifact.tags.values()
    ]
    return tags or None


REPOSITORY_ROUTES = [
    Route("GET", "/repositories", list_all),
    Route("GET", "/projects/{project}/repositories", list_for_project),
    Route("GET", "/projects/{project}/repositories/{repository}", get),
    Route("DELETE", "/projects/{project}/repositories/{repository}", delete),
    Route("GET", "/projects/{project}/repositories/{repository}/artifacts", list_artifacts),
]
