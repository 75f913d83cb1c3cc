"""What reconciling one registry means: observe, plan, note, apply, save."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import NamedTuple, cast

from prefect.utilities.annotations import quote

from flows.runs import run_id
from models.access.robot_state import AccessRecord
from models.access.rotation_messages import deletion_remark
from models.core.availability import Seen
from models.core.base import Value
from models.core.errors import Busy, InputRefused, RegistryError
from models.core.settings import settings
from models.registries.changes import MakeGrant, Outcome, RevokeGrant
from models.registries.health import Diagnosis, diagnose
from models.registries.observation import Snapshot
from models.registries.plan import Plan
from models.registries.record import Dossier
from models.registries.registry import Registry
from models.registries.run_record import conclude
from models.registries.schedule import refuses_credentials
from models.registries.space_plan import plan_spaces
from tasks import clock
from tasks.access.rotation import proved
from tasks.registries.apply import apply
from tasks.registries.connect import opened
from tasks.registries.observe import observe, unobserved
from tasks.registries.observer_account import equip, observer_of
from tasks.registries.protocol import (
    Keep,
    RegistryClient,
    RegistryReader,
    RegistryWriter,
    SavedCredential,
)
from tasks.secrets.robot_secrets import keeping, open_vault
from tasks.store.registries import runs
from tasks.store.session import stored
from tasks.store.state import Memory, recall

PATIENCE = 120.0
"""Seconds that a run started by a person waits for another run on the same registry."""


class Stages(NamedTuple):
    """The stages of a run that touch the registry, as Prefect tasks or as plain functions."""

    observe: Callable[[Registry, RegistryReader, str], Awaitable[Snapshot]]
    apply: Callable[[Plan, RegistryWriter, str, Keep | None], Awaitable[tuple[Outcome, ...]]]


async def _apply(
    plan: Plan, writer: RegistryWriter, installation: str, keep: Keep | None
) -> tuple[Outcome, ...]:
    """Run the task without Prefect searching thousands of changes for states of other tasks."""
    return await apply(cast(Plan, quote(plan)), writer, installation, keep)


AS_TASKS = Stages(observe, _apply)
PLAIN = Stages(observe.fn, apply.fn)
"""For many registries in one task: a task run each would keep the Prefect server busy for long."""


class Report(Value):
    """How one run on one registry ended.

    Attributes:
        refused: why the brakes, or the lack of a key, refused the plan or a part of it.
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
        if self.snapshot.hidden is not None:
            said = self.snapshot.hidden.message
            return said if said.startswith(self.registry) else f"{self.registry}: {said}"
        if broken:
            first = f"{broken[0].change.subject}: {broken[0].message}"
            return (
                f"{self.registry}: {len(broken)} of {len(self.outcomes)} changes failed ({first})"
            )
        return ""

    @property
    def remark(self) -> str:
        """What else a person should know: whose pulls may fail once, and what has ended."""
        deleted = [
            outcome.change
            for outcome in self.outcomes
            if isinstance(outcome.change, RevokeGrant) and outcome.done
        ]
        return deletion_remark(deleted, self.snapshot.taken_at)

    @property
    def concerns_namespaces(self) -> bool:
        """Whether pull secrets may have to follow: a robot came, went or has another name."""
        return bool(self.plan.regranted or self.plan.gone) or any(
            isinstance(outcome.change, MakeGrant | RevokeGrant) and outcome.done
            for outcome in self.outcomes
        )


async def reconcile(
    name: str,
    holder: str,
    stages: Stages = AS_TASKS,
    *,
    dry_run: bool = False,
    allow_large: bool = False,
    credentials: Mapping[str, SavedCredential] | None = None,
    due_at: datetime | None = None,
    rotate: frozenset[str] = frozenset(),
    first: bool = False,
) -> Report:
    """Observe a registry, plan, note, apply, and save, under the lease that `holder` has on it.

    Args:
        due_at: when it was found to be due; nothing is done if another run looked at it since.
        rotate: workspaces that shall get a new secret now.
        first: the registry was just integrated; what makes later looks cheaper is made now.

    Raises:
        Busy: another run did this one's work, or took over its lease.
    """
    memory = await stored(recall, name)
    _step_aside(memory.dossier, due_at)
    record = memory.record.model_copy(update={"rotate": rotate})
    order = _Order(holder, stages, dry_run=dry_run, allow_large=allow_large, first=first)
    act = await _reach(memory, record, credentials, order)
    conclusion = conclude(
        memory.dossier,
        memory.spaces,
        act.snapshot,
        act.unsaved,
        act.outcomes,
        grants=record.grants,
        refused=act.refused,
        failures=memory.failures,
    )
    if not dry_run:
        run = {"holder": holder, "flow_run": run_id()}
        await stored(runs.save_conclusion, name, conclusion, at=clock.now(), **run)
    return Report(
        registry=name,
        health=diagnose(conclusion.conditions),
        snapshot=act.snapshot,
        plan=act.plan,
        outcomes=act.outcomes,
        refused=act.refused,
    )


class _Order(NamedTuple):
    """How a run is to be made; see `reconcile`."""

    holder: str
    stages: Stages
    dry_run: bool
    allow_large: bool
    first: bool


class _Act(NamedTuple):
    """What a run saw, planned and did; `unsaved` is the part of the plan not yet on record."""

    snapshot: Snapshot
    plan: Plan
    unsaved: Plan
    outcomes: tuple[Outcome, ...] = ()
    refused: str = ""


async def _reach(
    memory: Memory,
    record: AccessRecord,
    credentials: Mapping[str, SavedCredential] | None,
    order: _Order,
) -> _Act:
    """Open the registry and act; one that cannot be looked at is only written down."""
    try:
        async with opened(
            memory.dossier.registry,
            refused=refuses_credentials(memory.dossier.conditions),
            credentials=credentials,
            observer=observer_of(memory),
        ) as client:
            return await _act(memory, record, client, order)
    except RegistryError as error:
        return _idle(memory, error)


async def _act(memory: Memory, record: AccessRecord, client: RegistryClient, order: _Order) -> _Act:
    """Observe, plan, note, apply.

    Raises:
        RegistryError: the registry did not even tell how it is.
    """
    us, registry = record.installation, memory.dossier.registry
    snapshot = record.asked(await order.stages.observe(registry, client, us))
    plan = _plan(memory, await proved(record, client), snapshot)
    plan, keep, refused = await _permit(plan, order)
    if order.dry_run:
        return _Act(snapshot, plan, plan, refused=refused)
    unsaved = plan
    outcomes: tuple[Outcome, ...] = ()
    if plan.changes:
        unsaved = await _note(memory.dossier, plan, order.holder)
        outcomes = await order.stages.apply(plan, client, us, keep)
    await equip(record, snapshot, client, first=order.first)
    return _Act(snapshot, plan, unsaved, outcomes, refused)


def _idle(memory: Memory, error: RegistryError) -> _Act:
    """Return what is done about a registry that cannot be looked at: it is written down."""
    snapshot = unobserved(memory.dossier.registry, error)
    plan = _plan(memory, memory.record, snapshot)
    return _Act(snapshot, plan, plan)


def _step_aside(dossier: Dossier, due_at: datetime | None) -> None:
    """Leave a registry alone that another run has looked at since it was found to be due."""
    looked_at = dossier.track.looked_at
    if due_at is not None and looked_at is not None and looked_at >= due_at:
        raise Busy(f"another run has looked at {dossier.registry.name!r} just now")


def _plan(memory: Memory, record: AccessRecord, snapshot: Snapshot) -> Plan:
    registry, grace = memory.dossier.registry, settings().missing_grace
    bound = {space for spaces in record.bound.values() for space in spaces}
    plan = plan_spaces(registry, memory.spaces, snapshot, now=clock.now(), grace=grace, bound=bound)
    plan = plan.holding(record.to_hold(snapshot))
    robots = len(snapshot.robots.items) if isinstance(snapshot.robots, Seen) else 0
    return plan.with_grants(record.without(plan.bindings_to_hold).plan(snapshot), robots)


async def _permit(plan: Plan, order: _Order) -> tuple[Plan, Keep | None, str]:
    """Hold a plan against the brakes, and against the key that new secrets are sealed with.

    Returns:
        What is left of the plan, what keeps secrets, and why something was refused.
    """
    refused = "" if order.allow_large else plan.refusal(settings().limits)
    if order.dry_run:
        return plan, None, refused
    if refused:
        plan = plan.braked()
    if not plan.makes_robots:
        return plan, None, refused
    try:
        return plan, keeping(await open_vault()), refused
    except InputRefused as refusal:
        return plan.without_new_robots(), None, refused or f"{plan.registry}: {refusal}"


async def _note(dossier: Dossier, plan: Plan, holder: str) -> Plan:
    """Save what was found before anything is changed, and return what is left to be saved.

    Once it is set right, nobody would ever know of a drift that a killed run had found.
    """
    first = dossier.spaces_read_at is None
    at, run = clock.now(), run_id()
    await stored(runs.save_findings, plan, first_look=first, holder=holder, at=at, flow_run=run)
    return plan.model_copy(update={"drifts": (), "retired": (), "bindings_to_hold": {}})
