"""Identify a registry by this installation's robot accounts in it."""

import asyncio
from collections.abc import Iterable, Sequence

from prefect import get_run_logger

from models.core.availability import Complete, Unavailable
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.discovery.identity import find_registry_by_robots
from models.registries.credential_origin import CredentialOrigin
from models.registries.registry import Registry
from models.registries.robots import ObservedRobot, RobotAccount
from tasks.registries.connect import open_registry
from tasks.store.installation import get_installation
from tasks.store.session import in_transaction


async def observe_robots(
    registry: Registry, origins: Sequence[CredentialOrigin] | None = None
) -> Complete[ObservedRobot] | Unavailable:
    """List this installation's robot accounts in a registry, without changing anything.

    Args:
        registry: the desired registry; it need not be saved.
        origins: origins that the credential may be sent to, see `read_credentials`.

    Raises:
        CredentialError: the credential does not exist or has a missing field.
        RemoteError: the robot accounts could not be read.
    """
    installation_id = await in_transaction(get_installation)
    seconds = get_settings().operation_seconds
    try:
        async with (
            asyncio.timeout(seconds),
            open_registry(registry, origins=origins) as client,
        ):
            return await client.list_robots(installation_id)
    except TimeoutError:
        message = f"listing the robot accounts took longer than {seconds:g} s"
        raise RemoteError(
            registry.name, "GET", registry.address, message, Reason.TIMED_OUT
        ) from None


async def find_duplicate(
    registry: Registry,
    robots: Iterable[RobotAccount],
    origins: Sequence[CredentialOrigin] | None = None,
) -> str:
    """Return the name of another registry on record that is the same one; empty if none.

    Also empty if it has no robot accounts, or they cannot be listed.

    Args:
        registry: the desired registry; it need not be saved.
        robots: robot accounts of all registries on record.
        origins: origins that the credential may be sent to, see `read_credentials`.
    """
    if not registry.capabilities.has_robot_accounts:
        return ""
    robot_accounts = [
        robot_account for robot_account in robots if robot_account.registry != registry.name
    ]
    if not robot_accounts:
        return ""
    try:
        observed_robots = await observe_robots(registry, origins)
    except RemoteError as error:
        get_run_logger().info("%s: cannot list robot accounts: %s", registry.name, error)
        return ""
    return find_registry_by_robots(observed_robots, robot_accounts, registry.name)
