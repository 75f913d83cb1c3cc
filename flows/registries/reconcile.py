"""Bring one registry to what is desired of it, now."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms.fields import KnownRegistry
from flows.forms.schema import shown
from flows.operations.reconcile_registry import PATIENCE, Report, reconcile
from flows.operations.sync_clusters import sync_clusters
from flows.runs import ends_plainly
from models.core.availability import Seen
from models.core.plural import amount
from models.registries.changes import DriftKind
from tasks.pages.plan import plan_page
from tasks.prefect.artifacts import publish
from tasks.prefect.events import announce
from tasks.store.leases import leased


@flow(name="reconcile-registry", flow_run_name="reconcile {name}", persist_result=False)
@ends_plainly
async def reconcile_registry(
    name: KnownRegistry,
    dry_run: Annotated[bool, shown("Dry run", "Show the plan and change nothing.")] = False,
    allow_large: Annotated[
        bool,
        shown(
            "Allow a large change",
            "Lift the brakes: let this one run narrow or forget many spaces at once.",
        ),
    ] = False,
) -> State[None]:
    """Look at a registry now and set right what differs from what is desired.

    The plan is the artifact `plan-<registry>`: each change with before, after and reason.
    """
    async with leased(name, patience=PATIENCE) as holder:
        report = await reconcile(name, holder, dry_run=dry_run, allow_large=allow_large)
    if report.concerns_namespaces:
        await sync_clusters(patience=PATIENCE)
    await publish_plan(report, dry_run=dry_run)
    await announce()
    return ended(report, dry_run=dry_run)


async def publish_plan(report: Report, *, dry_run: bool = False) -> None:
    """Publish a run's plan and what became of it."""
    page = plan_page(
        report.snapshot, report.plan, report.outcomes, refused=report.refused, dry_run=dry_run
    )
    await publish(f"plan-{report.registry}", page, "What differs, what is done about it, and why")


def ended(report: Report, *, dry_run: bool = False) -> State[None]:
    """Return the state of a run on one registry: failed if somebody must look at something."""
    if report.problem:
        return Failed(message=report.problem)
    plan, seen = report.plan, report.snapshot.spaces
    many = len(seen.items) if isinstance(seen, Seen) else 0
    drifts = sum(drift.kind is not DriftKind.APPEARED for drift in plan.drifts)
    made = "planned" if dry_run else "made"
    return Completed(
        message=f"{report.registry} is {report.health.health}: {amount(many, 'space')} seen, "
        f"{amount(drifts, 'drift')}, {amount(len(plan.changes), 'change')} {made}"
        + (f"; {report.remark}" if report.remark else "")
    )
