"""Ask a Harbor for our robot accounts in it, which tell whether it is one that is on record."""

import asyncio
from collections.abc import Sequence

from prefect import get_run_logger

from models.core.availability import Seen, Unseen
from models.core.errors import RegistryError, TimedOut
from models.core.settings import settings
from models.discovery.identity import registry_of_robots
from models.registries.credential_origin import CredentialOrigin
from models.registries.registry import Kind, Registry
from models.registries.robots import ObservedRobot
from tasks.registries.connect import opened
from tasks.store.installation import installation
from tasks.store.registries import robots as robot_store
from tasks.store.session import stored


async def list_robots(
    registry: Registry, given: Sequence[CredentialOrigin] = ()
) -> Seen[ObservedRobot] | Unseen:
    """List this installation's robot accounts in a registry; nothing is changed there.

    Args:
        registry: as it is meant to be.
        given: what the person who asks for it permits, see `credentials_of`.

    Raises:
        CredentialsMissing: the credential that it names cannot be read.
        RegistryError: they could not be read.
    """
    us, seconds = await stored(installation), settings().operation_seconds
    try:
        async with asyncio.timeout(seconds), opened(registry, given=given) as client:
            return await client.list_robots(us)
    except TimeoutError:
        message = f"listing the robot accounts took longer than {seconds:g} s"
        raise TimedOut(registry.name, "GET", registry.address, message) from None


async def find_twin(registry: Registry, given: Sequence[CredentialOrigin] = ()) -> str:
    """Return the name of another registry on record that is this very Harbor; empty if none is.

    Where robot accounts cannot be listed nothing is known, and nothing is found.
    """
    if registry.kind is not Kind.HARBOR:
        return ""
    recorded = [one for one in await stored(robot_store.grants) if one.registry != registry.name]
    if not recorded:
        return ""
    try:
        robots = await list_robots(registry, given)
    except RegistryError as error:
        get_run_logger().info("%s: its robot accounts are not listed: %s", registry.name, error)
        return ""
    return registry_of_robots(robots, recorded, registry.name)
