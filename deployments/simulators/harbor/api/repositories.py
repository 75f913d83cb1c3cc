"""Repositories and their artifacts, as the API shows them."""

from __future__ import annotations

from urllib.parse import unquote

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.distribution import content
from deployments.simulators.harbor.state import Artifact, Project, Repository
from deployments.simulators.harbor.web.query import (
    Columns,
    Paging,
    filtered,
    ordered,
    page_of,
    paging,
)
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import (
    ZERO_TIME,
    Answer,
    Refusal,
    json_answer,
    timestamp,
)
from deployments.simulators.harbor.web.routing import BASE, Route

COLUMNS: Columns = {
    "name": lambda r: r.name,
    "project_id": lambda r: r.project_id,
    "creation_time": lambda r: r.created,
    "update_time": lambda r: r.updated,
    "pull_count": lambda r: r.pull_count,
}
# The icon every container image has.
ICON = "sha256:0048162a053eef4d4ce3fe7518615bef084403614f8bca43b40ae2e762e11e06"


def _shown(repository: Repository) -> dict[str, object]:
    return {
        "artifact_count": len(repository.artifacts),
        "creation_time": timestamp(repository.created),
        "id": repository.id,
        "name": repository.name,
        "project_id": repository.project_id,
        "pull_count": repository.pull_count,
        "update_time": timestamp(repository.updated),
    }


async def list_all(call: Call) -> Answer:
    """GET /repositories: those of every project the caller sees."""
    asked = paging(call)
    seen = rights.visible(call.harbor, call.caller, None)
    projects = call.harbor.projects.sorted() if seen is None else seen
    return _page(call, asked, [r for p in projects for r in p.repositories.values()])


async def list_of_project(call: Call) -> Answer:
    """GET /projects/{name}/repositories: the path takes the name only."""
    asked = paging(call)
    project = _project(call, "list")
    return _page(call, asked, list(project.repositories.values()))


def _page(call: Call, asked: Paging, rows: list[Repository]) -> Answer:
    newest = ordered(call, filtered(call, rows, COLUMNS), COLUMNS, "-creation_time")
    return page_of(call, asked, newest, _shown)


def _project(call: Call, action: str, resource: str = "repository") -> Project:
    call.headers["x-is-resource-name"] = "true"
    return rights.require_project(call, resource, action)


def _full_name(call: Call, project: Project) -> str:
    """Slashes arrive escaped twice, or once where no nginx is in front."""
    return f"{project.name}/{unquote(call.text('repository'))}"


def _find(call: Call, action: str) -> tuple[Project, Repository]:
    project = _project(call, action)
    name = _full_name(call, project)
    repository = project.repositories.get(name)
    if repository is None:
        raise Refusal("NOT_FOUND", f"repository {name} not found")
    return project, repository


async def get(call: Call) -> Answer:
    """GET /projects/{name}/repositories/{repository}."""
    return json_answer(_shown(_find(call, "read")[1]))


async def delete(call: Call) -> Answer:
    """DELETE …/repositories/{repository}: the quota is freed at once."""
    project, repository = _find(call, "delete")
    content.drop_repository(call.harbor, project, repository)
    call.harbor.record(
        call.caller.name, "delete", "repository", repository.name, project_id=project.id
    )
    return Answer(200)


async def artifacts(call: Call) -> Answer:
    """GET …/repositories/{repository}/artifacts: newest first; `[]` for a missing repository."""
    asked = paging(call)
    project = _project(call, "list", "artifact")
    repository = project.repositories.get(_full_name(call, project))
    if repository is None:
        rows: list[Artifact] = []
        return page_of(call, asked, rows, lambda row: row.id)
    newest = list(reversed(repository.artifacts.values()))
    return page_of(call, asked, newest, lambda a: _shown_artifact(call, repository, a))


def _shown_artifact(call: Call, repository: Repository, artifact: Artifact) -> dict[str, object]:
    place = f"{BASE}/projects/{call.params['project']}/repositories/{call.params['repository']}"
    history = f"{place}/artifacts/{artifact.digest}/additions/build_history"
    return {
        "accessories": None,
        "addition_links": {"build_history": {"absolute": False, "href": history}},
        "artifact_type": artifact.config_type,
        "digest": artifact.digest,
        "extra_attrs": {
            "architecture": "amd64", "author": "", "config": {}, "created": None, "os": "linux",
        },
        "icon": ICON,
        "id": artifact.id,
        "labels": None,
        "manifest_media_type": artifact.media_type,
        "media_type": artifact.config_type,
        "project_id": repository.project_id,
        "pull_time": ZERO_TIME,
        "push_time": timestamp(artifact.pushed),
        "references": None,
        "repository_id": repository.id,
        "repository_name": repository.name,
        "size": artifact.size,
        "tags": _shown_tags(repository, artifact),
        "type": "IMAGE",
    }  # fmt: skip


def _shown_tags(repository: Repository, artifact: Artifact) -> list[dict[str, object]] | None:
    tags: list[dict[str, object]] = [
        {
            "artifact_id": artifact.id,
            "id": tag.id,
            "immutable": False,
            "name": tag.name,
            "pull_time": ZERO_TIME,
            "push_time": timestamp(tag.pushed),
            "repository_id": repository.id,
        }
        for tag in artifact.tags.values()
    ]
    return tags or None


ROUTES = [
    Route("GET", "/repositories", list_all),
    Route("GET", "/projects/{project}/repositories", list_of_project),
    Route("GET", "/projects/{project}/repositories/{repository}", get),
    Route("DELETE", "/projects/{project}/repositories/{repository}", delete),
    Route("GET", "/projects/{project}/repositories/{repository}/artifacts", artifacts),
]
