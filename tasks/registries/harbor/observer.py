"""The lists of a look: read by our own observer where there is one, else by ourselves.

A local user's password costs Harbor some 95 ms with each request, a robot account's 2 to 3 ms.
So pages are read by a robot account that may read and nothing else, where Harbor knows such rights
(2.12 and newer). What proves a list complete stays with the administrator.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from models.core.availability import Complete, Unavailable
from models.core.errors import NotFound
from models.core.reasons import Reason
from models.registries.observation import NOT_REQUESTED
from models.registries.robots import ObservedRobot, OwnershipMark, RobotAccount, observer_name
from models.registries.space import ObservedSpace
from tasks import clock
from tasks.registries.harbor.auth import API_PATH
from tasks.registries.harbor.lists import read_complete
from tasks.registries.harbor.login import basic_auth_headers
from tasks.registries.harbor.projects import read_projects
from tasks.registries.harbor.robot_accounts import RobotAccounts
from tasks.registries.harbor.robot_wire import Right, RobotPermission
from tasks.registries.harbor.robots import read_robots
from tasks.registries.http import RegistryHttpClient
from tasks.registries.protocol import Credential, SaveSecret
from tasks.registries.wire import RegistryModel, parse_json, raise_for_status

_OBSERVER_RIGHTS = tuple(
    Right(resource=resource, action=action)
    for resource, action in (
        ("project", "list"),
        ("robot", "list"),
        ("quota", "list"),
        ("quota", "read"),
    )
)
"""What an observer may do on the system."""

_UNUSABLE_REASONS = frozenset({Reason.UNAUTHORIZED, Reason.FORBIDDEN, Reason.PAGES_SHIFTED})
"""How it shows that an observer does not see everything: a stranger's list is only shorter."""


@dataclass(frozen=True, slots=True)
class HarborLists:
    """What was read.

    Attributes:
        observer_usable: whether the observer read them; None without one, or if it cannot be told.
    """

    spaces: Complete[ObservedSpace] | Unavailable
    robots: Complete[ObservedRobot] | Unavailable = NOT_REQUESTED
    observer_usable: bool | None = None


async def read_lists(
    http: RegistryHttpClient, installation: str, observer: Credential | None
) -> HarborLists:
    """Read both lists, and by ourselves if the observer does not see all that we are told of.

    Args:
        installation: whose robot accounts to list; none without it.
        observer: only for an administrator who is told the total.
    """
    if observer is None:
        return await _read_with(http, installation, None)
    first = await _read_with(http, installation, basic_auth_headers(observer))
    unavailable = [section for section in (first.spaces, first.robots) if _is_unusable(section)]
    if not unavailable:
        return HarborLists(first.spaces, first.robots, observer_usable=True)
    reasons = {section.reason for section in unavailable if isinstance(section, Unavailable)}
    if not reasons & _UNUSABLE_REASONS:
        return first  # Harbor fails, not the observer: we would not fare better
    lists = await _read_with(http, installation, None)
    is_unusable = _is_unusable(lists.spaces) or _is_unusable(lists.robots)
    usable = None if is_unusable else False
    return HarborLists(lists.spaces, lists.robots, observer_usable=usable)


def _is_unusable(section: Complete[ObservedSpace] | Complete[ObservedRobot] | Unavailable) -> bool:
    return isinstance(section, Unavailable) and section != NOT_REQUESTED


async def _read_with(
    http: RegistryHttpClient, installation: str, observer: Mapping[str, str] | None
) -> HarborLists:
    async def spaces() -> Complete[ObservedSpace] | Unavailable:
        return await read_complete(lambda: read_projects(http, observer))

    async def robots() -> Complete[ObservedRobot] | Unavailable:
        if not installation:
            return NOT_REQUESTED
        return await read_complete(lambda: read_robots(http, installation, observer))

    async with asyncio.TaskGroup() as group:
        spaces_task, robots_task = group.create_task(spaces()), group.create_task(robots())
    return HarborLists(spaces_task.result(), robots_task.result())


class _GrantablePermissions(RegistryModel):
    """GET /permissions; the system's part is told to system administrators."""

    system: tuple[Right, ...] | None = None


_GRANTABLE = TypeAdapter(_GrantablePermissions)


async def create_observer_robot(
    http: RegistryHttpClient,
    installation: str,
    save_secret: SaveSecret,
    replaces: int | None = None,
) -> RobotAccount | None:
    """Make a robot account to observe with, or give ours a new secret.

    Args:
        replaces: id of one of ours that was made for a registry that is not on record any more.

    Returns:
        None where Harbor knows no such rights, or tells us none because we are a robot account
        ourselves and cheap enough.

    Raises:
        Conflict: a robot account that is not ours has the name.
        RegistryError: it was not made.
    """
    if not set(_OBSERVER_RIGHTS) <= await _read_grantable(http):
        return None
    mark = OwnershipMark(installation=installation, registry=http.name, workspace="")
    rights = (RobotPermission(kind="system", namespace="/", access=_OBSERVER_RIGHTS),)
    robot_accounts, name = RobotAccounts(http, installation), observer_name(installation)
    robot = await robot_accounts.create_or_refresh(name, mark, rights, replaces)
    robot_account = RobotAccount(
        registry=http.name,
        workspace="",
        robot_id=robot.id,
        login=robot.name,
        secret_created_at=clock.now(),
        created_at=robot.creation_time,
    )
    await save_secret(robot_account, robot.secret)
    return robot_account


async def _read_grantable(http: RegistryHttpClient) -> set[Right]:
    response = await http.get(f"{API_PATH}/permissions")
    try:
        permissions = parse_json(http.name, raise_for_status(http.name, response), _GRANTABLE)
    except NotFound:  # before 2.10
        return set()
    return set(permissions.system or ())


async def delete_observer_robot(http: RegistryHttpClient, installation: str) -> bool:
    """Delete our observer; False if there was none.

    Raises:
        Conflict: a robot account that is not ours has the name; it is left alone.
        RegistryError: it was not deleted.
    """
    robot_accounts = RobotAccounts(http, installation)
    mark = OwnershipMark(installation=installation, registry=http.name, workspace="")
    robot = await robot_accounts.find_own(observer_name(installation), mark)
    return robot is not None and await robot_accounts.delete_by_id(robot.id)
