"""The robot account that this service observes a Harbor with: cheap to it, and read-only."""

from prefect import get_run_logger

from models.access.robot_state import AccessRecord
from models.core.availability import Seen
from models.core.errors import InputRefused, RegistryError
from models.core.settings import settings
from models.registries.observation import Snapshot
from models.registries.registry import Registry
from models.registries.robots import Grant
from tasks.registries.connect import opened
from tasks.registries.protocol import Credential, RegistryClient
from tasks.secrets.cipher import vault_of
from tasks.secrets.robot_secrets import keeping, open_vault
from tasks.store.installation import installation
from tasks.store.registries import robots
from tasks.store.session import stored
from tasks.store.state import Memory


def observer_of(memory: Memory) -> Credential | None:
    """Return the observer's credential; None if there is none, or its secret cannot be opened."""
    grant = memory.record.observer
    if grant is None:
        return None
    try:
        secret = vault_of(settings()).open(memory.observer_sealed)
    except InputRefused:
        return None
    return Credential(grant.login, secret)


async def equip(
    record: AccessRecord, snapshot: Snapshot, client: RegistryClient, *, first: bool
) -> Grant | None:
    """Make an observer if there shall be one, or give a new secret to one that does not work.

    It is a convenience: what speaks against it is logged, and lists are read as before.

    Args:
        first: make one also where none was; a scheduled run only repairs.
    """
    lacking = record.observer is None and first
    if not (lacking or snapshot.observer_works is False) or not isinstance(snapshot.robots, Seen):
        return None
    if record.keeps_evidence(snapshot):
        return None  # one of ours in another Harbor would make it look like the one on record
    try:
        keep = keeping(await open_vault())
        orphan = record.orphaned_observer(snapshot)
        return await client.make_observer(record.installation, keep, orphan)
    except (InputRefused, RegistryError) as error:
        get_run_logger().warning("No robot account to observe with: %s", error)
        return None


async def retire_observer(registry: Registry) -> None:
    """Delete the observer of a registry that is removed; one out of reach stays on record."""
    known = await stored(robots.grants, registry.name)
    observer = next((grant for grant in known if not grant.workspace), None)
    if observer is None:
        return
    us = await stored(installation)
    try:
        async with opened(registry) as client:
            await client.revoke_observer(us)
    except RegistryError as error:
        get_run_logger().warning("The robot account to observe with stays: %s", error)
        return
    await stored(robots.forget, registry.name, [observer.robot_id])
