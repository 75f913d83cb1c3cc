"""Harbor's projects, which we call spaces: listed whole, created, made public or private.

Vendor: https://goharbor.io/docs/2.13.0/working-with-projects/
"""

from collections.abc import Mapping

from models.core.availability import Complete, Unavailable
from models.core.errors import Conflict, NotFound, TransientRegistryError
from models.core.reasons import Reason
from models.registries.changes import ChangeResult, CreateSpace, SetVisibility
from models.registries.space import ObservedSpace, Visibility
from tasks.registries.harbor import wire
from tasks.registries.harbor.auth import API_PATH
from tasks.registries.http import RegistryHttpClient
from tasks.registries.paging import read_pages
from tasks.registries.wire import parse_json, raise_for_status

_PROJECTS_PATH = f"{API_PATH}/projects"


async def read_projects(
    http: RegistryHttpClient, observer: Mapping[str, str] | None = None
) -> Complete[ObservedSpace] | Unavailable:
    """Read all pages, newest first.

    A project that is deleted while another is created leaves the total as it was. In this
    order no row moves forward then, so none is skipped: at worst one is read twice, and the
    count tells.

    Args:
        observer: reads the pages in our place; the total is told to us, and it has to agree.

    Raises:
        RegistryError: a page could not be read.
    """
    projects = await read_pages(
        http,
        _PROJECTS_PATH,
        wire.PROJECTS_ADAPTER,
        key=lambda project: project.project_id,
        convert=lambda project: project.to_observed(),
        query={"sort": "-project_id"},
        headers=observer,
    )
    if isinstance(projects, Unavailable):
        return projects
    mismatch = await _check_total(http, len(projects.items), total_reliable=observer is not None)
    if mismatch is None and len({space.name for space in projects.items}) < len(projects.items):
        message = "the list has two projects of the same name"
        return Unavailable(reason=Reason.SERVER_BROKEN, message=message)
    return mismatch or projects


async def _check_total(
    http: RegistryHttpClient, project_count: int, *, total_reliable: bool
) -> Unavailable | None:
    """Compare with the total that only an administrator is told, as proof of who read it."""
    response = await http.get(f"{API_PATH}/statistics")
    statistics = parse_json(
        http.name, raise_for_status(http.name, response), wire.STATISTICS_ADAPTER
    )
    total_hidden = statistics.total_project_count == 0 and not total_reliable  # robots are told 0
    if total_hidden or statistics.total_project_count == project_count:
        return None
    message = (
        f"the list has {project_count} projects, Harbor counts {statistics.total_project_count}"
    )
    return Unavailable(reason=Reason.PAGES_SHIFTED, message=message)


async def set_visibility(http: RegistryHttpClient, change: SetVisibility) -> ChangeResult:
    """Make a project public or private. PUT merges metadata, and takes only a string for `public`.

    Raises:
        RegistryError: it was not done.
    """
    body = {"metadata": {"public": _public_flag(change.after)}}
    by_name = {"X-Is-Resource-Name": "true"} if change.remote_id is None else None
    path = f"{_PROJECTS_PATH}/{change.remote_id or change.space}"
    response = await http.send("PUT", path, json=body, headers=by_name)
    try:
        raise_for_status(http.name, response)
    except NotFound:
        message = "the space is not there any more"
        return ChangeResult(change=change, succeeded=True, reason=Reason.NOT_FOUND, message=message)
    return ChangeResult(change=change, succeeded=True, reason=Reason.DONE)


async def create_project(http: RegistryHttpClient, change: CreateSpace) -> ChangeResult:
    """Create a project; after a lost answer, look whether it was created as asked.

    Raises:
        RegistryError: it was not created, or somebody else's is there.
    """
    body = {"project_name": change.space, "metadata": {"public": _public_flag(change.after)}}
    try:
        response = await http.send("POST", _PROJECTS_PATH, json=body, repeatable=False)
        raise_for_status(http.name, response, 201)
    except TransientRegistryError:
        if await _read_visibility(http, change.space) is not change.after:
            raise
    except Conflict as error:
        message = "a space of that name exists; use set-space-visibility for it"
        raise Conflict(http.name, error.method, error.url, message) from None
    return ChangeResult(change=change, succeeded=True, reason=Reason.DONE)


async def _read_visibility(http: RegistryHttpClient, space: str) -> Visibility | None:
    response = await http.get(_PROJECTS_PATH, {"q": f"name={space}", "page_size": 2})
    projects = parse_json(http.name, raise_for_status(http.name, response), wire.PROJECTS_ADAPTER)
    return next(
        (project.to_observed().visibility for project in projects if project.name == space), None
    )


def _public_flag(visibility: Visibility) -> str:
    return "true" if visibility is Visibility.PUBLIC else "false"
