"""Harbor projects, called spaces here: list, create, set visibility.

Vendor: https://goharbor.io/docs/2.13.0/working-with-projects/
"""

from collections.abc import Mapping

from models.core.availability import Complete, Unavailable
from models.core.errors import Conflict, NotFound, RemoteError
from models.core.reasons import Reason
from models.registries.changes import ChangeResult, CreateSpace, SetVisibility
from models.registries.space import Visibility
from tasks.http.client import HttpClient
from tasks.registries.harbor import wire
from tasks.registries.harbor.auth import API_PATH
from tasks.registries.paging import read_pages
from tasks.registries.wire import parse_json, raise_for_status

_PROJECTS_PATH = f"{API_PATH}/projects"


async def read_projects(
    http: HttpClient, observer_headers: Mapping[str, str] | None = None
) -> Complete[str] | Unavailable:
    """Read all projects, newest first.

    Args:
        http: HTTP client with the administrator's credential, which reads the total.
        observer_headers: headers of the observer, for the pages; None uses the client's own.

    Returns:
        All projects as texts, see `wire.Project.to_text`; unavailable if the list changed during
        the read or differs from the total.

    Raises:
        RemoteError: a page could not be read.
    """
    # If one project is deleted and another created during the read, the total stays the same. With
    # the newest first, no row moves to an earlier page, so none is skipped: at worst a row is read
    # twice, and the number of distinct rows shows it.
    projects = await read_pages(
        http,
        _PROJECTS_PATH,
        wire.PROJECTS_ADAPTER,
        key=lambda project: project.project_id,
        convert=lambda project: project.to_text(),
        query={"sort": "-project_id"},
        headers=observer_headers,
    )
    if isinstance(projects, Unavailable):
        return projects
    mismatch = await _check_total(
        http, len(projects.items), total_reliable=observer_headers is not None
    )
    if mismatch is None and len({text.split(" ", 2)[1] for text in projects.items}) < len(
        projects.items
    ):
        message = "the list has two projects of the same name"
        return Unavailable(reason=Reason.SERVER_BROKEN, message=message)
    return mismatch or projects


async def _check_total(
    http: HttpClient, project_count: int, *, total_reliable: bool
) -> Unavailable | None:
    # Only an administrator gets this total: an equal count proves that the list is complete.
    response = await http.get(f"{API_PATH}/statistics")
    statistics = parse_json(raise_for_status(response), wire.STATISTICS_ADAPTER)
    total_hidden = (
        statistics.total_project_count == 0 and not total_reliable
    )  # robot accounts get 0
    if total_hidden or statistics.total_project_count == project_count:
        return None
    message = (
        f"the list has {project_count} projects, but Harbor reports "
        f"{statistics.total_project_count}"
    )
    return Unavailable(reason=Reason.PAGES_SHIFTED, message=message)


async def set_visibility(http: HttpClient, change: SetVisibility) -> ChangeResult:
    """Make a project public or private; a project that no longer exists is a success.

    Raises:
        RemoteError: the visibility was not changed.
    """
    # PUT merges the metadata, and accepts only a string for `public`.
    body = {"metadata": {"public": _public_flag(change.after)}}
    by_name = {"X-Is-Resource-Name": "true"} if change.remote_id is None else None
    path = f"{_PROJECTS_PATH}/{change.remote_id or change.space}"
    response = await http.send("PUT", path, json=body, headers=by_name)
    try:
        raise_for_status(response)
    except NotFound:
        message = "the space no longer exists"
        return ChangeResult(change=change, succeeded=True, reason=Reason.NOT_FOUND, message=message)
    return ChangeResult(change=change, succeeded=True, reason=Reason.DONE)


async def create_project(http: HttpClient, change: CreateSpace) -> ChangeResult:
    """Create a project; after a lost response, check whether it was created as requested.

    Raises:
        Conflict: a project of that name exists.
        RemoteError: the project was not created.
    """
    body = {"project_name": change.space, "metadata": {"public": _public_flag(change.after)}}
    try:
        response = await http.send("POST", _PROJECTS_PATH, json=body, repeatable=False)
        raise_for_status(response, 201)
    except Conflict as error:
        message = "a space of that name exists: use set-space-visibility to change it"
        raise Conflict(http.target, error.method, error.url, message) from None
    except RemoteError as error:
        is_created = error.transient and await _read_visibility(http, change.space) is change.after
        if not is_created:
            raise
    return ChangeResult(change=change, succeeded=True, reason=Reason.DONE)


async def _read_visibility(http: HttpClient, space: str) -> Visibility | None:
    response = await http.get(_PROJECTS_PATH, {"q": f"name={space}", "page_size": 2})
    projects = parse_json(raise_for_status(response), wire.PROJECTS_ADAPTER)
    return next((project.visibility for project in projects if project.name == space), None)


def _public_flag(visibility: Visibility) -> str:
    return "true" if visibility is Visibility.PUBLIC else "false"
