"""Remove a registry with its bindings, robot accounts and pull secret entries."""

from functools import partial
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from sqlmodel import Session

from flows.forms.fields import ExistingRegistryField
from flows.forms.schema import form_field
from flows.operations.access_changes import sync_targets
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.operations.removal import decommission
from flows.operations.state_pages import StatePages, publish_and_send
from flows.registries import messages
from flows.runs import hold_lease, report_errors
from models.access.access_summary import describe_pending
from models.core.settings import get_settings
from tasks.pages.removal import removal_page
from tasks.prefect.artifacts import console_path, publish_artifact
from tasks.store.access import bindings, clusters, managed_harbors
from tasks.store.registries import registries, robots, spaces
from tasks.store.session import in_transaction


@flow(name="remove-registry", flow_run_name="remove {name}", persist_result=False)
@report_errors
async def remove_registry(
    name: ExistingRegistryField,
    confirm: Annotated[
        bool, form_field("Confirm", "Off: show what would be removed; change nothing.")
    ] = False,
) -> State[None]:
    """Unbind a registry's spaces, delete this service's robot accounts in it, remove it from all
    pull secrets and delete its record. Its spaces, images and audit entries are kept.

    The artifact `removal-<registry>` lists what is removed. An unreachable registry is removed
    too; the artifact then lists the robot accounts that remain in it.
    """
    if not confirm:
        async with hold_lease(name, wait_seconds=LEASE_WAIT_SECONDS):
            counts = await _publish_preview(name, confirmed=False)
        return Completed(message=messages.would_be_removed(name, counts))
    message, is_complete = await delete_registry(name)
    return Completed(message=message) if is_complete else Failed(message=message)


async def delete_registry(name: str, *, syncs_clusters: bool = True) -> tuple[str, bool]:
    """Delete this service's objects in a registry, its record, then its logins in pull secrets.

    Args:
        name: name of the registry.
        syncs_clusters: whether to update pull secrets; the caller does it otherwise.

    Returns:
        What was removed, and whether nothing remains.

    Raises:
        InvalidRequest: there is no such registry.
        LeaseHeld: another run holds the registry.
    """
    async with hold_lease(name, wait_seconds=LEASE_WAIT_SECONDS) as context:
        counts = await _publish_preview(name, confirmed=True)
        exclude = partial(_exclude_from_adoption, registry=name)
        removal = await decommission(name, context, "removed by a user", on_delete=exclude)
    targets = await sync_targets() if syncs_clusters else ()
    if syncs_clusters:
        await publish_and_send(StatePages(overview=True))
    pending = describe_pending(targets, get_settings().poll_policy.interval)
    logins = [robot.login for robot in removal.orphans]
    remarks = [messages.orphaned_robots(logins, removal.error)] if logins else []
    remarks += [f"the removal of its logins is {pending}"] if pending else []
    message = messages.removed(name, counts, remarks)
    return message, not logins and not any(target.is_failed for target in targets)


def _exclude_from_adoption(session: Session, registry: str) -> None:
    records = managed_harbors.list_harbor_records(session)
    excluded = [record.exclude() for record in records if record.registry == registry]
    managed_harbors.save_harbor_records(session, excluded)


async def _publish_preview(name: str, *, confirmed: bool) -> str:
    """Publish what is removed, and return the counts."""
    record = await in_transaction(registries.get_registry, name)
    space_records = await in_transaction(spaces.list_spaces, name)
    registry_bindings = await in_transaction(bindings.list_bindings, registry=name)
    robot_accounts = await in_transaction(robots.list_robots, name)
    namespaces = await in_transaction(clusters.namespaces_using, name)
    page = removal_page(
        record, space_records, registry_bindings, robot_accounts, namespaces, confirmed=confirmed
    )
    path = "/" if confirmed else console_path("registries", name)
    await publish_artifact(f"removal-{name}", page, "What is removed with the registry", path)
    return messages.removal_counts(
        len(space_records), len(registry_bindings), len(robot_accounts), len(namespaces)
    )
