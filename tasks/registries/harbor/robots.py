"""Our robot accounts on a Harbor, as they are."""

from collections.abc import Mapping

from models.core.availability import Seen, Unseen
from models.registries.robots import ObservedRobot, robot_stem
from tasks.registries.harbor.auth import API
from tasks.registries.harbor.robot_wire import ROBOTS, Robot
from tasks.registries.http import HttpClient
from tasks.registries.paging import read_pages
from tasks.registries.wire import expect, parse

ROBOTS_PATH = f"{API}/robots"


async def read_robots(
    http: HttpClient, installation: str, observer: Mapping[str, str] | None = None
) -> Seen[ObservedRobot] | Unseen:
    """Read all robot accounts with our mark, newest first, for the reason projects are.

    Without a level in `q` Harbor lists those of the system only; ours all are. Who may not list
    them is refused, so unlike projects they need no second proof.

    Args:
        observer: reads the pages in our place.

    Raises:
        RegistryError: a page could not be read.
    """
    read = await read_pages(
        http,
        ROBOTS_PATH,
        ROBOTS,
        key=lambda robot: robot.id,
        keep=lambda robot: robot.observed(installation),
        query={"q": f"name=~{robot_stem(installation)}", "sort": "-id"},
        headers=observer,
    )
    if isinstance(read, Unseen):
        return read
    return Seen[ObservedRobot](items=tuple(robot for robot in read.items if robot))


async def find_robot(http: HttpClient, name: str) -> Robot | None:
    """Find a system robot by its stored name, whoever made it.

    Asking the list needs no other right than looking does; reading one by its id would.

    Raises:
        RegistryError: it could not be read.
    """
    answer = await http.get(ROBOTS_PATH, {"q": f"name={name}", "page_size": 2})
    found = parse(http.name, expect(http.name, answer), ROBOTS)
    return next((robot for robot in found if robot.name.endswith(name)), None)
