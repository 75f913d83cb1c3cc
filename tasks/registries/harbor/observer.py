"""Read the lists of an observation, with the observer robot account where possible.

A local user's password costs Harbor about 95 ms per request, a robot account's secret 2 to 3 ms.
Pages are therefore read by a robot account with read-only rights, which Harbor 2.12 and newer
support. The requests that prove that a list is complete are sent as the administrator.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import TypeAdapter

from models.core.availability import Complete, Unavailable
from models.core.errors import NotFound, RemoteError
from models.core.reasons import Reason
from models.registries.observation import NOT_REQUESTED, UNCHANGED
from models.registries.robots import ObservedRobot, OwnershipMark, RobotAccount, observer_name
from models.registries.runs.baseline import digest_lists
from models.registries.space import ObservedSpace
from tasks import clock
from tasks.http.client import HttpClient
from tasks.registries.harbor.auth import API_PATH
from tasks.registries.harbor.projects import read_projects
from tasks.registries.harbor.robot_accounts import RobotAccountWriter
from tasks.registries.harbor.robot_wire import Right, RobotPermission
from tasks.registries.harbor.robots import read_robots
from tasks.registries.harbor.wire import to_observed_space
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
"""System rights of an observer."""

_UNUSABLE_REASONS = frozenset({Reason.UNAUTHORIZED, Reason.FORBIDDEN, Reason.PAGES_SHIFTED})
"""Reasons that mean that the observer does not see everything.

A caller without rights gets a shorter list, which shows only as shifted pages.
"""


@dataclass(frozen=True, slots=True)
class HarborLists:
    """The lists of an observation.

    Attributes:
        projects: projects as texts, see `wire.Project.to_text`.
        robots: robot accounts of this installation.
        observer_usable: whether the observer can read the lists; None if there is no observer or
            the result is not conclusive.
    """

    projects: Complete[str] | Unavailable
    robots: Complete[ObservedRobot] | Unavailable = NOT_REQUESTED
    observer_usable: bool | None = None

    def digest(self) -> str:
        """Return the digest of both lists; empty if one that was requested is not complete."""
        if isinstance(self.projects, Unavailable) or _is_unusable(self.robots):
            return ""
        robots = self.robots.items if isinstance(self.robots, Complete) else ()
        return digest_lists(self.projects.items, robots)

    def spaces(self, unchanged: bool) -> Complete[ObservedSpace] | Unavailable:
        """Return the spaces; none are converted if they are known."""
        if isinstance(self.projects, Unavailable):
            return self.projects
        if unchanged:
            return UNCHANGED
        items = tuple(map(to_observed_space, self.projects.items))
        return Complete[ObservedSpace].model_construct(items=items)


async def read_lists(
    http: HttpClient, installation: str, observer_credential: Credential | None
) -> HarborLists:
    """Read both lists with the observer; if it does not see everything, with the administrator.

    Args:
        http: HTTP client with the administrator's credential.
        installation: installation whose robot accounts to list; empty lists none.
        observer_credential: the observer; requires an administrator, who reads the totals.
    """
    if observer_credential is None:
        return await _read_with(http, installation, None)
    first = await _read_with(http, installation, observer_credential.basic_auth_headers)
    unavailable = [section for section in (first.projects, first.robots) if _is_unusable(section)]
    if not unavailable:
        return replace(first, observer_usable=True)
    reasons = {section.reason for section in unavailable if isinstance(section, Unavailable)}
    if not reasons & _UNUSABLE_REASONS:
        return first  # a fault of Harbor: the administrator would get the same error
    lists = await _read_with(http, installation, None)
    is_unusable = _is_unusable(lists.projects) or _is_unusable(lists.robots)
    return replace(lists, observer_usable=None if is_unusable else False)


def _is_unusable(section: Complete[str] | Complete[ObservedRobot] | Unavailable) -> bool:
    return isinstance(section, Unavailable) and section != NOT_REQUESTED


async def _read_with(
    http: HttpClient, installation: str, observer_headers: Mapping[str, str] | None
) -> HarborLists:
    async def projects() -> Complete[str] | Unavailable:
        return await read_complete(lambda: read_projects(http, observer_headers))

    async def robots() -> Complete[ObservedRobot] | Unavailable:
        if not installation:
            return NOT_REQUESTED
        return await read_complete(lambda: read_robots(http, installation, observer_headers))

    async with asyncio.TaskGroup() as group:
        projects_task, robots_task = group.create_task(projects()), group.create_task(robots())
    return HarborLists(projects_task.result(), robots_task.result())


class _GrantablePermissions(RegistryModel):
    """GET /permissions; only system administrators get the `system` part."""

    system: tuple[Right, ...] | None = None


_GRANTABLE = TypeAdapter(_GrantablePermissions)


async def create_observer_robot(
    http: HttpClient,
    installation: str,
    save_secret: SaveSecret,
    replaces: int | None = None,
) -> RobotAccount | None:
    """Create the observer, or refresh the secret of the existing one.

    Args:
        http: HTTP client with the administrator's credential.
        installation: installation id, for the name and the ownership mark.
        save_secret: saves the secret of the observer.
        replaces: id of this installation's observer of a registry that is no longer on record.

    Returns:
        The observer; None if Harbor has no such rights, or reports none because the credential
        belongs to a robot account (which is fast enough without an observer).

    Raises:
        Conflict: a robot account without this installation's mark has the name.
        RemoteError: the observer was not created.
    """
    if not set(_OBSERVER_RIGHTS) <= await _read_grantable(http):
        return None
    mark = OwnershipMark(installation=installation, registry=http.name, workspace="")
    rights = (RobotPermission(kind="system", namespace="/", access=_OBSERVER_RIGHTS),)
    robot_accounts, name = RobotAccountWriter(http, installation), observer_name(installation)
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


async def _read_grantable(http: HttpClient) -> set[Right]:
    response = await http.get(f"{API_PATH}/permissions")
    try:
        permissions = parse_json(raise_for_status(response), _GRANTABLE)
    except NotFound:  # before 2.10
        return set()
    return set(permissions.system or ())


async def delete_observer_robot(http: HttpClient, installation: str) -> bool:
    """Delete the observer of this installation; return False if there was none.

    Raises:
        Conflict: a robot account without this installation's mark has the name; it is not deleted.
        RemoteError: the observer was not deleted.
    """
    robot_accounts = RobotAccountWriter(http, installation)
    mark = OwnershipMark(installation=installation, registry=http.name, workspace="")
    robot = await robot_accounts.find_own_robot(observer_name(installation), mark)
    return robot is not None and await robot_accounts.delete_by_id(robot.id)


Item = TypeVar("Item")


async def read_complete(
    read: Callable[[], Awaitable[Complete[Item] | Unavailable]],
) -> Complete[Item] | Unavailable:
    """Read a list, and once more if it changed during the read.

    Args:
        read: reads the list once.

    Returns:
        The complete list; unavailable if it changed again or an error occurred.
    """
    try:
        first = await read()
        return first if isinstance(first, Complete) else await read()
    except RemoteError as error:
        return Unavailable(reason=error.reason, message=str(error))
