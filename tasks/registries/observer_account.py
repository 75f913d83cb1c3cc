"""The robot account that this service observes a Harbor with: cheap to it, and read-only."""

from prefect import get_run_logger

from models.access.robot_state import RobotState
from models.core.availability import Complete
from models.core.errors import InvalidRequest, RegistryError
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
    """Return the observer's credential; None if there is none, or its secret cannot be opened."""
    robot_account = registry_state.robot_state.observer
    if robot_account is None:
        return None
    try:
        secret = cipher_from(get_settings()).decrypt(registry_state.encrypted_observer_secret)
    except InvalidRequest:
        return None
    return Credential(robot_account.login, secret)


async def ensure_observer(
    record: RobotState, snapshot: Snapshot, client: RegistryClient, *, first: bool
) -> RobotAccount | None:
    """Make an observer if there shall be one, or give a new secret to one that does not work.

    It is a convenience: what speaks against it is logged, and lists are read as before.

    Args:
        first: make one also where none was; a scheduled run only repairs.
    """
    is_needed = snapshot.observer_usable is False or (record.observer is None and first)
    if not is_needed or not isinstance(snapshot.robots, Complete):
        return None
    if record.keeps_deleted_robots(snapshot):
        return None  # one of ours in another Harbor would make it look like the one on record
    try:
        save_secret = secret_saver(await load_cipher())
        orphan = record.orphaned_observer_id(snapshot)
        return await client.create_observer(record.installation, save_secret, orphan)
    except (InvalidRequest, RegistryError) as error:
        get_run_logger().warning("No robot account to observe with: %s", error)
        return None


async def delete_observer(registry: Registry) -> None:
    """Delete the observer of a registry that is removed; one out of reach stays on record."""
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
    except RegistryError as error:
        get_run_logger().warning("The robot account to observe with stays: %s", error)
        return
    await in_transaction(robots.delete_robots, registry.name, [observer.robot_id])
