"""Create spaces: save them as desired, then reconcile the registry."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms.fields import (
    ExistingRegistryField,
    OpenedSpacesField,
    SpaceNamesField,
    VisibilityField,
)
from flows.operations.access_changes import sync_shared_logins
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS, reconcile
from flows.operations.state_pages import StatePages, publish_and_send
from flows.registries.reconcile import final_state, publish_plan
from flows.runs import hold_lease, report_errors
from models.access.requests import (
    check_opened_spaces,
    desired_space_entries,
    new_spaces,
    opened_by_visibility,
)
from models.registries.space import Visibility
from tasks.store.registries import registries, spaces
from tasks.store.session import in_transaction


@flow(name="create-space", flow_run_name="create space in {registry}", persist_result=False)
@report_errors
async def create_space(
    registry: ExistingRegistryField,
    names: SpaceNamesField,
    visibility: VisibilityField = Visibility.PRIVATE,
    opened_spaces: OpenedSpacesField = None,
) -> State[None]:
    """Create spaces in a registry: projects in Harbor.

    A Docker Registry has no projects: a space is a path prefix, and creating one only makes it
    available for bindings before the first image is pushed.
    """
    async with hold_lease(registry, wait_seconds=LEASE_WAIT_SECONDS) as context:
        record = await in_transaction(registries.get_registry, registry)
        space_records = await in_transaction(spaces.list_spaces, registry)
        rule = record.registry.capabilities.space_names
        desired_spaces = new_spaces(rule, space_records, names, visibility)
        opened = opened_by_visibility(record.registry, space_records, desired_spaces)
        check_opened_spaces(record.registry, opened, opened_spaces)
        entries = desired_space_entries(desired_spaces)
        await in_transaction(spaces.save_desired, registry, desired_spaces, entries, context)
        result = await reconcile(registry, context, release=True)
    cluster_targets = await sync_shared_logins(registry)
    await publish_plan(result)
    await publish_and_send(StatePages(overview=True))
    return final_state(result, cluster_targets)
