"""What forgetting a registry means: unbind, revoke, forget; pull secrets follow."""

from collections.abc import Callable

from sqlmodel import Session

from flows.operations.reconcile_registry import reconcile
from flows.runs import run_id
from models.core.audit import Entry
from models.registries.robots import Grant
from tasks import clock
from tasks.pages.removal import left_behind_page
from tasks.prefect.artifacts import publish
from tasks.registries.observer_account import retire_observer
from tasks.store.access import bindings
from tasks.store.registries import registries, robots
from tasks.store.session import stored


async def forget(
    name: str, holder: str, why: str, *, at_once: Callable[[Session], None]
) -> tuple[Grant, ...]:
    """Unbind a registry, delete our robot accounts in it and drop its record.

    It goes on where a run was killed, also when the registry is out of reach.

    Args:
        at_once: what else is stored in the transaction that drops the record: a run that is killed
            leaves both or neither.

    Returns:
        The robot accounts that stay behind in a registry that is out of reach.

    Raises:
        Busy: another run took over the lease on the registry.
    """
    if await _unbind(name):
        await reconcile(name, holder, allow_large=True)  # which deletes our robot accounts
    found = await stored(registries.dossier, name)
    await retire_observer(found.registry)
    behind = await _left_behind(name)
    entry = Entry(subject=name, what="registry.removed", before=found.registry.address, why=why)
    await stored(_drop, name, entry, at_once)
    return behind


def _drop(session: Session, name: str, entry: Entry, at_once: Callable[[Session], None]) -> None:
    at_once(session)
    registries.remove(session, name, entry, at=clock.now(), flow_run=run_id())


async def _unbind(name: str) -> bool:
    """Take all bindings away first: a run that is killed later leaves nothing that is wanted.

    Returns:
        Whether there may be robot accounts of ours in the registry.
    """
    bound = await stored(bindings.bindings, registry=name)
    why = "the registry is removed"
    await stored(bindings.unbind, bound, why, at=clock.now(), flow_run=run_id())
    return bool(bound or await stored(robots.grants, name))


async def _left_behind(name: str) -> tuple[Grant, ...]:
    """Return, and list, the robot accounts that could not be deleted."""
    behind = await stored(robots.grants, name)
    if behind:
        page = left_behind_page(name, behind)
        await publish(f"removal-{name}", page, "What stays behind in the registry")
    return behind
