"""Set the visibility of spaces: save it as desired, then reconcile the registry."""

from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.forms.fields import (
    DryRunField,
    ExistingRegistryField,
    OpenedSpacesField,
    SpaceNamesField,
    VisibilityField,
)
from flows.forms.schema import form_field
from flows.operations.access_changes import sync_shared_logins
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS, reconcile
from flows.operations.state_pages import StatePages, publish_and_send
from flows.registries import messages
from flows.registries.reconcile import final_state, publish_plan
from flows.runs import hold_lease, report_errors
from models.access.requests import (
    check_opened_spaces,
    check_visibility_limit,
    desired_space_entries,
    opened_by_visibility,
    with_visibility,
)
from models.core.settings import get_settings
from models.registries.registry import Registry
from models.registries.space import Space
from tasks.pages.access_preview import visibility_preview_page
from tasks.prefect.artifacts import console_path, publish_artifact
from tasks.store.access import bindings
from tasks.store.registries import registries, spaces
from tasks.store.session import in_transaction


@flow(
    name="set-space-visibility",
    flow_run_name="set {registry} {visibility}",
    persist_result=False,
)
@report_errors
async def set_space_visibility(
    registry: ExistingRegistryField,
    names: SpaceNamesField,
    visibility: VisibilityField,
    allow_large: Annotated[
        bool,
        form_field(
            "Allow a large change",
            "Lift the safety limits for this run: allow it to make many spaces private.",
        ),
    ] = False,
    opened_spaces: OpenedSpacesField = None,
    dry_run: DryRunField = False,
) -> State[None]:
    """Set the desired visibility of spaces.

    A later change in the registry's own console is drift; the registry's drift policy applies.
    """
    async with hold_lease(registry, wait_seconds=LEASE_WAIT_SECONDS) as context:
        record = await in_transaction(registries.get_registry, registry)
        space_records = await in_transaction(spaces.list_spaces, registry)
        desired_spaces = with_visibility(registry, space_records, names, visibility)
        opened = opened_by_visibility(record.registry, space_records, desired_spaces)
        check_opened_spaces(record.registry, opened, opened_spaces)
        if not allow_large:
            check_visibility_limit(
                registry, space_records, desired_spaces, get_settings().change_limits
            )
        if dry_run:
            return await _show_preview(record.registry, desired_spaces, opened)
        entries = desired_space_entries(desired_spaces)
        await in_transaction(spaces.save_desired, registry, desired_spaces, entries, context)
        result = await reconcile(registry, context, allow_large=allow_large, release=True)
    cluster_targets = await sync_shared_logins(registry)
    await publish_plan(result)
    await publish_and_send(StatePages(overview=True))
    return final_state(result, cluster_targets)


async def _show_preview(
    registry: Registry, desired_spaces: Sequence[Space], opened_count: int
) -> State[None]:
    records = await in_transaction(bindings.list_bindings, registry=registry.name)
    page = visibility_preview_page(registry, desired_spaces, records, opened_count)
    path = console_path("registries", registry.name)
    await publish_artifact(f"plan-{registry.name}", page, "Who can pull from the spaces then", path)
    return Completed(message=messages.would_be_set(len(desired_spaces)))
