"""Our robot accounts on a Harbor, as they are."""

from collections.abc import Mapping

from models.core.availability import Complete, Unavailable
from models.registries.robots import ObservedRobot, robot_prefix
from tasks.registries.harbor.auth import API_PATH
from tasks.registries.harbor.robot_wire import ROBOTS_ADAPTER, Robot
from tasks.registries.http import RegistryHttpClient
from tasks.registries.paging import read_pages
from tasks.registries.wire import parse_json, raise_for_status

ROBOTS_PATH = f"{API_PATH}/robots"


async def read_robots(
    http: RegistryHttpClient, installation: str, observer: Mapping[str, str] | None = None
) -> Complete[ObservedRobot] | Unavailable:
    """Read all robot accounts with our mark, newest first, for the reason projects are.

    Without a level in `q` Harbor lists those of the system only; ours all are. Who may not list
    them is refused, so unlike projects they need no second proof.

    Args:
        observer: reads the pages in our place.

    Raises:
        RegistryError: a page could not be read.
    """
    robots = await read_pages(
        http,
        ROBOTS_PATH,
        ROBOTS_ADAPTER,
        key=lambda robot: robot.id,
        convert=lambda robot: robot.to_observed(installation),
        query={"q": f"name=~{robot_prefix(installation)}", "sort": "-id"},
        headers=observer,
    )
    if isinstance(robots, Unavailable):
        return robots
    return Complete[ObservedRobot](items=tuple(robot for robot in robots.items if robot))


async def find_robot(http: RegistryHttpClient, name: str) -> Robot | None:
    """Find a system robot by its stored name, whoever made it.

    Asking the list needs no other right than looking does; reading one by its id would.

    Raises:
        RegistryError: it could not be read.
    """
    response = await http.get(ROBOTS_PATH, {"q": f"name={name}", "page_size": 2})
    robots = parse_json(http.name, raise_for_status(http.name, response), ROBOTS_ADAPTER)
    return next((robot for robot in robots if robot.name.endswith(name)), None)
