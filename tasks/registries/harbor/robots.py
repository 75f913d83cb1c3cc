"""Read robot accounts of a Harbor."""

from collections.abc import Mapping

from models.core.availability import Complete, Unavailable
from models.registries.robots import ObservedRobot, robot_prefix
from tasks.http.client import HttpClient
from tasks.registries.harbor.auth import API_PATH
from tasks.registries.harbor.robot_wire import ROBOTS_ADAPTER, Robot
from tasks.registries.paging import read_pages
from tasks.registries.wire import parse_json, raise_for_status

ROBOTS_PATH = f"{API_PATH}/robots"


async def read_robots(
    http: HttpClient, installation: str, observer_headers: Mapping[str, str] | None = None
) -> Complete[ObservedRobot] | Unavailable:
    """Read all robot accounts with the installation's mark, newest first.

    Args:
        http: HTTP client of the registry.
        installation: installation id, see `OwnershipMark`.
        observer_headers: headers of the observer, for the pages; None uses the client's own.

    Returns:
        The robot accounts; unavailable if the list changed during the read.

    Raises:
        RemoteError: a page could not be read.
    """
    # Newest first for the reason in `read_projects`. Without a level in `q`, Harbor lists system
    # robots only; all robot accounts of this service are. A caller without the right to list them
    # gets 403, so, unlike projects, the list needs no comparison with a total.
    robots = await read_pages(
        http,
        ROBOTS_PATH,
        ROBOTS_ADAPTER,
        key=lambda robot: robot.id,
        convert=lambda robot: robot.to_observed(installation),
        query={"q": f"name=~{robot_prefix(installation)}", "sort": "-id"},
        headers=observer_headers,
    )
    if isinstance(robots, Unavailable):
        return robots
    return Complete[ObservedRobot](items=tuple(robot for robot in robots.items if robot))


async def find_robot(http: HttpClient, name: str) -> Robot | None:
    """Find a system robot by its name without Harbor's prefix, with any mark or none.

    Raises:
        RemoteError: the list could not be read.
    """
    # Searching the list needs only the right to list; reading by id would need another right.
    response = await http.get(ROBOTS_PATH, {"q": f"name={name}", "page_size": 2})
    robots = parse_json(raise_for_status(response), ROBOTS_ADAPTER)
    return next((robot for robot in robots if robot.name.endswith(name)), None)
