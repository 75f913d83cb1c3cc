"""Remove a registry: unbind, revoke, withdraw, forget."""

from functools import partial
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms.fields import ExistingRegistryField
from flows.forms.schema import form_field
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.operations.removal import decommission
from flows.operations.sync_clusters import sync_clusters
from flows.operations.workspace_pages import publish_workspace_pages
from flows.overview import refresh_overview
from flows.runs import report_errors
from models.core.plural import pluralize
from tasks.pages.removal import removal_page
from tasks.prefect.artifacts import publish_artifact
from tasks.prefect.events import send_events
from tasks.store.access import bindings, clusters, managed_harbors
from tasks.store.leases import lease
from tasks.store.registries import registries, robots, spaces
from tasks.store.session import in_transaction


@flow(name="remove-registry", flow_run_name="remove {name}", persist_result=False)
@report_errors
async def remove_registry(
    name: ExistingRegistryField,
    confirm: Annotated[
        bool, form_field("Confirm", "Off: only show what would go, and change nothing.")
    ] = False,
) -> State[None]:
    """Unbind a registry's spaces, delete our robot accounts in it, withdraw it from pull secrets,
    and forget it. Its spaces and images are not touched, and its audit is kept.

    What goes is listed in the artifact `removal-<registry>`. A registry that is out of reach is
    forgotten all the same; the artifact then lists the robot accounts that stay behind there.
    """
    async with lease(name, wait_seconds=LEASE_WAIT_SECONDS) as lease_id:
        summary = await _publish_preview(name, confirmed=confirm)
        if not confirm:
            return Completed(
                message=f"{summary} would be forgotten; run it again with 'Confirm' on to do so"
            )
        exclude = partial(managed_harbors.exclude, registry=name)
        orphans = await decommission(name, lease_id, "by hand", on_delete=exclude)
    reports = await sync_clusters(wait_seconds=LEASE_WAIT_SECONDS)
    await refresh_overview()
    await publish_workspace_pages()
    await send_events()
    errors = [report.error for report in reports if report.error]
    if orphans:
        names = ", ".join(robot_account.login for robot_account in orphans[:20])
        errors.append(f"it is out of reach, so these robot accounts stay behind in it: {names}")
    if errors:
        return Failed(message=f"{summary} is forgotten; {'; '.join(errors[:5])}")
    return Completed(message=f"{summary} is forgotten")


async def _publish_preview(name: str, *, confirmed: bool) -> str:
    """List what goes, and return it in one sentence."""
    record = await in_transaction(registries.get_registry, name)
    space_records = await in_transaction(spaces.list_spaces, name)
    registry_bindings = await in_transaction(bindings.list_bindings, registry=name)
    robot_accounts = await in_transaction(robots.list_robots, name)
    namespaces = await in_transaction(clusters.namespaces_using, name)
    page = removal_page(
        record, space_records, registry_bindings, robot_accounts, namespaces, confirmed=confirmed
    )
    await publish_artifact(f"removal-{name}", page, "What goes with the registry")
    counts = (
        pluralize(len(space_records), "space"),
        pluralize(len(registry_bindings), "binding"),
        pluralize(len(robot_accounts), "robot account"),
        f"the logins of {pluralize(len(namespaces), 'namespace')}",
    )
    return f"{name} with {', '.join(counts)}"
