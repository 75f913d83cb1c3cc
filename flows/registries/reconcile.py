"""Reconcile one registry now."""

from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms.fields import ExistingRegistryField
from flows.forms.schema import form_field
from flows.operations.access_changes import sync_targets
from flows.operations.reconcile_registry import hold_registry, reconcile
from flows.operations.run_results import RegistryRunResult
from flows.registries import messages
from flows.runs import report_errors
from models.access.access_summary import describe_pending
from models.access.target import TargetResult, TargetState
from models.core.availability import Complete
from models.core.settings import get_settings
from models.registries.changes import DriftKind
from tasks.pages.plan import plan_page
from tasks.prefect.artifacts import console_path, publish_artifact
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
            registry_state=registry_state.retry_pull_user(),
            release=True,
        )
    cluster_targets = await sync_targets() if result.affects_pull_secrets else ()
    await publish_plan(result, dry_run=dry_run)
    await send_events()
    return final_state(result, cluster_targets, dry_run=dry_run)


async def publish_plan(result: RegistryRunResult | None, *, dry_run: bool = False) -> None:
    """Publish the plan of a run and the results of its changes, if there was a run."""
    if result is None:
        return
    page = plan_page(
        result.snapshot,
        result.plan,
        result.results,
        unsafe_reason=result.unsafe_reason,
        dry_run=dry_run,
    )
    await publish_artifact(
        f"plan-{result.registry}",
        page,
        "Planned changes, their reasons and results",
        console_path("registries", result.registry),
    )


def _explain_error(result: RegistryRunResult) -> str:
    if result.target.state is TargetState.READ_ONLY:
        interval = get_settings().poll_policy.interval
        return messages.saved(describe_pending([result.target], interval))
    return result.error


def final_state(
    result: RegistryRunResult,
    cluster_targets: Sequence[TargetResult] = (),
    *,
    dry_run: bool = False,
) -> State[None]:
    """Return the state of a run on one registry: Failed if a change or an observation failed.

    Args:
        result: the result of the run.
        cluster_targets: where pull secrets followed.
        dry_run: whether nothing was changed.
    """
    pending = describe_pending(cluster_targets, get_settings().poll_policy.interval)
    if result.error:
        return Failed(message="; ".join(filter(None, [_explain_error(result), pending])))
    plan, section = result.plan, result.snapshot.spaces
    message = messages.registry_summary(
        result.registry,
        result.health_summary.health,
        len(section.items) if isinstance(section, Complete) else 0,
        sum(drift.kind is not DriftKind.APPEARED for drift in plan.drifts),
        result.counts.describe_plan() if dry_run else result.counts.summarize(),
        [note for note in (result.note, pending) if note],
    )
    is_failed = any(target.is_failed for target in cluster_targets)
    return Failed(message=message) if is_failed else Completed(message=message)
