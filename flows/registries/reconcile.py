"""Reconcile one registry now."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms.fields import ExistingRegistryField
from flows.forms.schema import form_field
from flows.operations.reconcile_registry import (
    LEASE_WAIT_SECONDS,
    RegistryRunResult,
    hold_registry,
    reconcile,
)
from flows.operations.sync_clusters import sync_clusters
from flows.registries import messages
from flows.runs import report_errors
from models.core.availability import Complete
from models.registries.changes import DriftKind
from tasks.pages.plan import plan_page
from tasks.prefect.artifacts import publish_artifact
from tasks.prefect.events import send_events


@flow(name="reconcile-registry", flow_run_name="reconcile {name}", persist_result=False)
@report_errors
async def reconcile_registry(
    name: ExistingRegistryField,
    dry_run: Annotated[bool, form_field("Dry run", "Show the plan; change nothing.")] = False,
    allow_large: Annotated[
        bool,
        form_field(
            "Allow a large change",
            "Lift the safety limits for this run: allow it to restrict or remove many spaces.",
        ),
    ] = False,
) -> State[None]:
    """Observe a registry now and correct what differs from the desired state.

    The artifact `plan-<registry>` lists each change with before, after and reason.
    """
    async with hold_registry(name) as (context, registry_state):
        result = await reconcile(
            name,
            context,
            dry_run=dry_run,
            allow_large=allow_large,
            registry_state=registry_state,
            release=True,
        )
    if result.affects_pull_secrets:
        await sync_clusters(wait_seconds=LEASE_WAIT_SECONDS)
    await publish_plan(result, dry_run=dry_run)
    await send_events()
    return final_state(result, dry_run=dry_run)


async def publish_plan(result: RegistryRunResult, *, dry_run: bool = False) -> None:
    """Publish the plan of a run and the results of its changes."""
    page = plan_page(
        result.snapshot,
        result.plan,
        result.results,
        unsafe_reason=result.unsafe_reason,
        dry_run=dry_run,
    )
    await publish_artifact(
        f"plan-{result.registry}", page, "Planned changes, their reasons and results"
    )


def final_state(result: RegistryRunResult, *, dry_run: bool = False) -> State[None]:
    """Return the state of a run on one registry: Failed if a change or an observation failed."""
    if result.error:
        return Failed(message=result.error)
    plan, section = result.plan, result.snapshot.spaces
    space_count = len(section.items) if isinstance(section, Complete) else 0
    drift_count = sum(drift.kind is not DriftKind.APPEARED for drift in plan.drifts)
    message = messages.registry_summary(
        result.registry,
        result.health_summary.health,
        (space_count, drift_count, len(plan.changes)),
        dry_run=dry_run,
        note=result.note,
    )
    return Completed(message=message)
