"""Harbor's projects, which we call spaces: listed whole, created, made public or private.

Vendor: https://goharbor.io/docs/2.13.0/working-with-projects/
"""

from collections.abc import Mapping

from models.core.availability import Seen, Unseen
from models.core.errors import Conflict, NotFound, Transient
from models.core.reasons import Reason
from models.registries.changes import CreateSpace, Outcome, SetVisibility
from models.registries.space import ObservedSpace, Visibility
from tasks.registries.harbor import wire
from tasks.registries.harbor.auth import API
from tasks.registries.http import HttpClient
from tasks.registries.paging import read_pages
from tasks.registries.wire import expect, parse

_PROJECTS = f"{API}/projects"


async def read_projects(
    http: HttpClient, observer: Mapping[str, str] | None = None
) -> Seen[ObservedSpace] | Unseen:
    """Read all pages, newest first.

    A project that is deleted while another is created leaves the total as it was. In this
    order no row moves forward then, so none is skipped: at worst one is read twice, and the
    count tells.

    Args:
        observer: reads the pages in our place; the total is told to us, and it has to agree.

    Raises:
        RegistryError: a page could not be read.
    """
    read = await read_pages(
        http,
        _PROJECTS,
        wire.PROJECTS,
        key=lambda project: project.project_id,
        keep=lambda project: project.observed(),
        query={"sort": "-project_id"},
        headers=observer,
    )
    if isinstance(read, Unseen):
        return read
    doubted = await _doubt_total(http, len(read.items), sure=observer is not None)
    if doubted is None and len({space.name for space in read.items}) < len(read.items):
        said = "the list has two projects of the same name"
        return Unseen(reason=Reason.SERVER_BROKEN, message=said)
    return doubted or read


async def _doubt_total(http: HttpClient, listed: int, *, sure: bool) -> Unseen | None:
    """Compare with the total that only an administrator is told, as proof of who read it."""
    answer = await http.get(f"{API}/statistics")
    counted = parse(http.name, expect(http.name, answer), wire.STATISTICS)
    untold = counted.total_project_count == 0 and not sure  # robots are told 0
    if untold or counted.total_project_count == listed:
        return None
    said = f"the list has {listed} projects, Harbor counts {counted.total_project_count}"
    return Unseen(reason=Reason.PAGES_SHIFTED, message=said)


async def set_visibility(http: HttpClient, change: SetVisibility) -> Outcome:
    """Make a project public or private. PUT merges metadata, and takes only a string for `public`.

    Raises:
        RegistryError: it was not done.
    """
    body = {"metadata": {"public": _flag(change.after)}}
    by_name = {"X-Is-Resource-Name": "true"} if change.remote_id is None else None
    path = f"{_PROJECTS}/{change.remote_id or change.space}"
    answer = await http.send("PUT", path, json=body, headers=by_name)
    try:
        expect(http.name, answer)
    except NotFound:
        said = "the space is not there any more"
        return Outcome(change=change, done=True, reason=Reason.NOT_FOUND, message=said)
    return Outcome(change=change, done=True, reason=Reason.DONE)


async def create_project(http: HttpClient, change: CreateSpace) -> Outcome:
    """Create a project; after a lost answer, look whether it was created as asked.

    Raises:
        RegistryError: it was not created, or somebody else's is there.
    """
    body = {"project_name": change.space, "metadata": {"public": _flag(change.after)}}
    try:
        answer = await http.send("POST", _PROJECTS, json=body, repeatable=False)
        expect(http.name, answer, 201)
    except Transient:
        if await _visibility_of(http, change.space) is not change.after:
            raise
    except Conflict as error:
        said = "a space of that name exists; use set-space-visibility for it"
        raise Conflict(http.name, error.method, error.url, said) from None
    return Outcome(change=change, done=True, reason=Reason.DONE)


async def _visibility_of(http: HttpClient, space: str) -> Visibility | None:
    answer = await http.get(_PROJECTS, {"q": f"name={space}", "page_size": 2})
    found = parse(http.name, expect(http.name, answer), wire.PROJECTS)
    return next((one.observed().visibility for one in found if one.name == space), None)


def _flag(visibility: Visibility) -> str:
    return "true" if visibility is Visibility.PUBLIC else "false"
