"""The observer: a read-only robot account that reads Harbor's lists at a lower cost."""

from prefect import get_run_logger

from models.access.robot_state import RobotState
from models.core.availability import Complete
from models.core.errors import InvalidRequest, RemoteError
from models.core.settings import get_settings
from models.registries.observation import Snapshot
from models.registries.registry import Registry
from models.registries.robots import RobotAccount
from tasks.registries.connect import open_registry
from tasks.registries.protocol import Credential, RegistryClient
from tasks.secrets.cipher import cipher_from
from tasks.secrets.robot_secrets import load_cipher, secret_saver
from tasks.store.installation import get_installation
from tasks.store.registries import robots
from tasks.store.session import in_transaction
from tasks.store.state import RegistryState


def observer_credential(registry_state: RegistryState) -> Credential | None:
    """Return the credential of the observer; None if absent or its secret cannot be decrypted."""
    robot_account = registry_state.robot_state.observer
    if robot_account is None:
        return None
    try:
        secret = cipher_from(get_settings()).decrypt(registry_state.encrypted_observer_secret)
    except InvalidRequest:
        return None
    return Credential(robot_account.login, secret)


async def ensure_observer(
    robot_state: RobotState, snapshot: Snapshot, client: RegistryClient, *, create_missing: bool
) -> RobotAccount | None:
    """Create an observer, or refresh the secret of one that is not usable.

    The observer is optional: errors are logged, and lists are read with the registry's credential.

    Args:
        robot_state: robot state of the registry.
        snapshot: the current observation.
        client: client of the registry.
        create_missing: whether to create a missing one; scheduled runs only repair.

    Returns:
        The created or refreshed robot account; None if nothing was done.
    """
    is_needed = snapshot.observer_usable is False or (
        robot_state.observer is None and create_missing
    )
    if not is_needed or not isinstance(snapshot.robots, Complete):
        return None
    if robot_state.keeps_deleted_robots(snapshot):
        # This may be another Harbor than the one on record: an observer in it would make the two
        # look the same.
        return None
    try:
        save_secret = secret_saver(await load_cipher(robot_state.key_check))
        orphan = robot_state.orphaned_observer_id(snapshot)
        return await client.create_observer(robot_state.installation, save_secret, orphan)
    except (InvalidRequest, RemoteError) as error:
        get_run_logger().warning("The observer was not created or refreshed: %s", error)
        return None


async def delete_observer(registry: Registry) -> None:
    """Delete the observer of a removed registry; if that fails, its record is kept."""
    robot_accounts = await in_transaction(robots.list_robots, registry.name)
    observer = next(
        (robot_account for robot_account in robot_accounts if not robot_account.workspace), None
    )
    if observer is None:
        return
    installation_id = await in_transaction(get_installation)
    try:
        async with open_registry(registry) as client:
            await client.delete_observer(installation_id)
    except RemoteError as error:
        get_run_logger().warning("The observer was not deleted: %s", error)
        return
    await in_transaction(robots.delete_robots, registry.name, [observer.robot_id])
