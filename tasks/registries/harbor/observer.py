"""The lists of a look: read by our own observer where there is one, else by ourselves.

A local user's password costs Harbor some 95 ms with each request, a robot account's 2 to 3 ms.
So pages are read by a robot account that may read and nothing else, where Harbor knows such rights
(2.12 and newer). What proves a list complete stays with the administrator.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from models.core.availability import Seen, Unseen
from models.core.errors import NotFound
from models.core.reasons import Reason
from models.registries.observation import NOT_ASKED
from models.registries.robots import Grant, Mark, ObservedRobot, observer_name
from models.registries.space import ObservedSpace
from tasks import clock
from tasks.registries.harbor.auth import API
from tasks.registries.harbor.lists import whole
from tasks.registries.harbor.login import basic
from tasks.registries.harbor.projects import read_projects
from tasks.registries.harbor.robot_accounts import Grants
from tasks.registries.harbor.robot_wire import Access, Permission
from tasks.registries.harbor.robots import read_robots
from tasks.registries.http import HttpClient
from tasks.registries.protocol import Credential, Keep
from tasks.registries.wire import Wire, expect, parse

_MAY = tuple(
    Access(resource=resource, action=action)
    for resource, action in (
        ("project", "list"),
        ("robot", "list"),
        ("quota", "list"),
        ("quota", "read"),
    )
)
"""What an observer may do on the system."""

_UNFIT = frozenset({Reason.UNAUTHORIZED, Reason.FORBIDDEN, Reason.PAGES_SHIFTED})
"""How it shows that an observer does not see everything: a stranger's list is only shorter."""


@dataclass(frozen=True, slots=True)
class Lists:
    """What was read.

    Attributes:
        observer_works: whether the observer read them; None without one, or if it cannot be told.
    """

    spaces: Seen[ObservedSpace] | Unseen
    robots: Seen[ObservedRobot] | Unseen = NOT_ASKED
    observer_works: bool | None = None


async def read_lists(http: HttpClient, installation: str, observer: Credential | None) -> Lists:
    """Read both lists, and by ourselves if the observer does not see all that we are told of.

    Args:
        installation: whose robot accounts to list; none without it.
        observer: only for an administrator who is told the total.
    """
    if observer is None:
        return await _read(http, installation, None)
    first = await _read(http, installation, basic(observer))
    hidden = [one for one in (first.spaces, first.robots) if _fails(one)]
    if not hidden:
        return Lists(first.spaces, first.robots, observer_works=True)
    if not any(one.reason in _UNFIT for one in hidden if isinstance(one, Unseen)):
        return first  # Harbor fails, not the observer: we would not fare better
    again = await _read(http, installation, None)
    works = None if _fails(again.spaces) or _fails(again.robots) else False
    return Lists(again.spaces, again.robots, observer_works=works)


def _fails(section: Seen[ObservedSpace] | Seen[ObservedRobot] | Unseen) -> bool:
    return isinstance(section, Unseen) and section != NOT_ASKED


async def _read(http: HttpClient, installation: str, observer: Mapping[str, str] | None) -> Lists:
    async def spaces() -> Seen[ObservedSpace] | Unseen:
        return await whole(lambda: read_projects(http, observer))

    async def robots() -> Seen[ObservedRobot] | Unseen:
        if not installation:
            return NOT_ASKED
        return await whole(lambda: read_robots(http, installation, observer))

    async with asyncio.TaskGroup() as group:
        found, ours = group.create_task(spaces()), group.create_task(robots())
    return Lists(found.result(), ours.result())


class _Grantable(Wire):
    """GET /permissions; the system's part is told to system administrators."""

    system: tuple[Access, ...] | None = None


_GRANTABLE = TypeAdapter(_Grantable)


async def make_observer(
    http: HttpClient, installation: str, keep: Keep, replaces: int | None = None
) -> Grant | None:
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
    if not set(_MAY) <= await _grantable(http):
        return None
    mark = Mark(installation=installation, registry=http.name, workspace="")
    rights = (Permission(kind="system", namespace="/", access=_MAY),)
    grants, name = Grants(http, installation), observer_name(installation)
    made = await grants.account(name, mark, rights, replaces)
    grant = Grant(
        registry=http.name,
        workspace="",
        robot_id=made.id,
        login=made.name,
        made_at=clock.now(),
        created_at=made.creation_time,
    )
    await keep(grant, made.secret)
    return grant


async def _grantable(http: HttpClient) -> set[Access]:
    answer = await http.get(f"{API}/permissions")
    try:
        found = parse(http.name, expect(http.name, answer), _GRANTABLE)
    except NotFound:  # before 2.10
        return set()
    return set(found.system or ())


async def revoke_observer(http: HttpClient, installation: str) -> bool:
    """Delete our observer; False if there was none.

    Raises:
        Conflict: a robot account that is not ours has the name; it is left alone.
        RegistryError: it was not deleted.
    """
    grants = Grants(http, installation)
    mark = Mark(installation=installation, registry=http.name, workspace="")
    known = await grants.ours(observer_name(installation), mark)
    return known is not None and await grants.delete(known.id)
