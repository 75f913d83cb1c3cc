"""Remove a registry: delete bindings, robot accounts and the record; pull secrets follow."""

from collections.abc import Callable

from sqlmodel import Session

from flows.operations.bindings import unbind
from flows.operations.reconcile_registry import reconcile
from models.access.binding_update import REGISTRY_REMOVED
from models.core.audit import AuditEntry
from models.core.base import FrozenModel
from models.core.runs.context import RunContext
from models.registries.robots import RobotAccount
from tasks import clock
from tasks.pages.removal import orphaned_robots_page
from tasks.prefect.artifacts import publish_artifact
from tasks.registries.observer_account import delete_observer
from tasks.store.access import bindings
from tasks.store.registries import registries, robots
from tasks.store.session import in_transaction


class RemovalResult(FrozenModel):
    """What remains of a removed registry.

    Attributes:
        orphans: the robot accounts that remain in it.
        error: why they could not be deleted.
    """

    orphans: tuple[RobotAccount, ...] = ()
    error: str = ""


async def decommission(
    name: str, context: RunContext, reason: str, *, on_delete: Callable[[Session], None]
) -> RemovalResult:
    """Unbind a registry, delete this service's robot accounts in it, and delete its record.

    It continues after an interrupted run, and removes an unreachable registry too.

    Args:
        name: name of the registry.
        context: the run, with its lease on the registry.
        reason: the audit reason.
        on_delete: called in the transaction that deletes the record, so that an interrupted run
            saves both or neither.

    Raises:
        LeaseHeld: another run took over the lease on the registry.
    """
    error = ""
    if await _delete_bindings(name, context):  # then reconcile deletes the robot accounts
        error = (await reconcile(name, context, allow_large=True)).error
    record = await in_transaction(registries.get_registry, name)
    await delete_observer(record.registry)
    orphans = await _orphaned_robots(name, error)
    entry = AuditEntry(
        subject=name, action="registry.removed", before=record.registry.address, reason=reason
    )
    await in_transaction(_delete_record, name, entry, on_delete, context.at(clock.now()))
    return RemovalResult(orphans=orphans, error=error)


def _delete_record(
    session: Session,
    name: str,
    entry: AuditEntry,
    on_delete: Callable[[Session], None],
    context: RunContext,
) -> None:
    on_delete(session)
    registries.delete_registry(session, name, entry, context)


async def _delete_bindings(name: str, context: RunContext) -> bool:
    """Delete all bindings; return whether the registry may contain robot accounts of this service.

    Bindings go first: after an interrupted run, no later run creates robot accounts again.
    """
    registry_bindings = await in_transaction(bindings.list_bindings, registry=name)
    await in_transaction(unbind, registry_bindings, REGISTRY_REMOVED, context)
    return bool(registry_bindings or await in_transaction(robots.list_robots, name))


async def _orphaned_robots(name: str, error: str) -> tuple[RobotAccount, ...]:
    """Return the robot accounts that could not be deleted, and publish their list."""
    orphans = await in_transaction(robots.list_robots, name)
    if orphans:
        page = orphaned_robots_page(name, orphans, error)
        await publish_artifact(
            f"removal-{name}", page, "Robot accounts that remain in the registry"
        )
    return orphans
