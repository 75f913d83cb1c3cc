"""Bring one registry to what is desired of it: observe, plan, apply, save."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, NamedTuple

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from sqlmodel import Session

from flows.ending import ends_plainly, run_id
from flows.forms import KnownRegistry
from flows.showing import shown
from models.base import Value
from models.change import DriftKind, Outcome
from models.conclusion import conclude
from models.dossier import Dossier
from models.errors import Busy, PlanRefused, RegistryError
from models.health import Diagnosis, diagnose
from models.plan import Plan
from models.reconcile import plan_spaces
from models.registry import Registry
from models.schedule import refuses_credentials
from models.settings import settings
from models.snapshot import Seen, Snapshot, Unseen
from models.space import Space
from tasks import clock
from tasks.announce import announce
from tasks.apply import apply
from tasks.observe import observe, unobserved
from tasks.opening import opened
from tasks.publish import publish
from tasks.registries.protocol import Credential, RegistryReader, RegistryWriter
from tasks.reports.plan import plan_page
from tasks.store import looks, registries, spaces
from tasks.store.leases import leased
from tasks.store.session import stored

PATIENCE = 120.0
"""Seconds that a run started by a person waits for another run on the same registry."""


class Stages(NamedTuple):
    """The stages of a run that touch the registry, as Prefect tasks or as plain functions."""

    observe: Callable[[Registry, RegistryReader], Awaitable[Snapshot]]
    apply: Callable[[Plan, RegistryWriter], Awaitable[tuple[Outcome, ...]]]


AS_TASKS = Stages(observe, apply)
PLAIN = Stages(observe.fn, apply.fn)
"""For many registries in one task: a task run each would keep the Prefect server busy for long."""


class Report(Value):
    """How one run on one registry ended.

    Attributes:
        refused: why the brakes refused the plan, if they did.
    """

    registry: str
    health: Diagnosis
    snapshot: Snapshot
    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    refused: str = ""

    @property
    def problem(self) -> str:
        """What a person must look at; empty if the registry is as desired."""
        broken = [outcome for outcome in self.outcomes if not outcome.done]
        if self.refused:
            return self.refused
        if isinstance(self.snapshot.spaces, Unseen):
            said = self.snapshot.spaces.message
            return said if said.startswith(self.registry) else f"{self.registry}: {said}"
        if broken:
            first = f"{broken[0].change.space}: {broken[0].message}"
            return (
                f"{self.registry}: {len(broken)} of {len(self.outcomes)} changes failed ({first})"
            )
        return ""


async def reconcile(
    name: str,
    holder: str,
    stages: Stages = AS_TASKS,
    *,
    dry_run: bool = False,
    allow_large: bool = False,
    credentials: Mapping[str, Credential] | None = None,
    due_at: datetime | None = None,
) -> Report:
    """Observe a registry, plan, note, apply, and save, under the lease that `holder` has on it.

    Args:
        due_at: when it was found to be due; nothing is done if another run looked at it since.

    Raises:
        Busy: another run did this one's work, or took over its lease.
    """
    dossier, known, failures = await stored(_recall, name)
    _step_aside(dossier, due_at)
    registry, suspect = dossier.registry, refuses_credentials(dossier.conditions)
    outcomes: tuple[Outcome, ...] = ()
    refused = ""
    try:
        async with opened(registry, refused=suspect, credentials=credentials) as client:
            snapshot = await stages.observe(registry, client)
            plan = unsaved = _plan(registry, known, snapshot)
            refused = "" if allow_large else _refusal(plan)
            if refused and not dry_run:
                plan = unsaved = plan.braked()
            if plan.changes and not dry_run:
                unsaved = await _note(dossier, plan, holder)
                outcomes = await stages.apply(plan, client)
    except RegistryError as error:
        snapshot = unobserved(registry, error)
        plan = unsaved = _plan(registry, known, snapshot)
    conclusion = conclude(
        dossier, known, snapshot, unsaved, outcomes, refused=refused, failures=failures
    )
    if not dry_run:
        run = {"holder": holder, "flow_run": run_id()}
        await stored(looks.save_conclusion, name, conclusion, at=clock.now(), **run)
    return Report(
        registry=name,
        health=diagnose(conclusion.conditions),
        snapshot=snapshot,
        plan=plan,
        outcomes=outcomes,
        refused=refused,
    )


def _step_aside(dossier: Dossier, due_at: datetime | None) -> None:
    """Leave a registry alone that another run has looked at since it was found to be due."""
    looked_at = dossier.track.looked_at
    if due_at is not None and looked_at is not None and looked_at >= due_at:
        raise Busy(f"another run has looked at {dossier.registry.name!r} just now")


async def _note(dossier: Dossier, plan: Plan, holder: str) -> Plan:
    """Save what was found before anything is changed, and return what is left to be saved.

    Once it is set right, nobody would ever know of a drift that a killed run had found.
    """
    first = dossier.spaces_read_at is None
    at, run = clock.now(), run_id()
    await stored(looks.save_findings, plan, first_look=first, holder=holder, at=at, flow_run=run)
    return plan.model_copy(update={"drifts": (), "retired": ()})


def _recall(
    session: Session, name: str
) -> tuple[Dossier, tuple[Space, ...], frozenset[tuple[str, str, str]]]:
    return (
        registries.dossier(session, name),
        spaces.spaces(session, name),
        looks.known_failures(session, name),
    )


def _plan(registry: Registry, known: tuple[Space, ...], snapshot: Snapshot) -> Plan:
    grace = settings().missing_grace
    return plan_spaces(registry, known, snapshot, now=clock.now(), grace=grace)


def _refusal(plan: Plan) -> str:
    try:
        plan.check(settings().limits)
    except PlanRefused as refusal:
        return str(refusal)
    return ""


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
        message=f"{report.registry} is {report.health.health}: {many} spaces seen, "
        f"{drifts} drifts, {len(plan.changes)} changes {made}"
    )
