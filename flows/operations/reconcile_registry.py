"""Reconcile one registry: observe, plan, save findings, apply, save results."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple, cast

from prefect import get_run_logger
from prefect.utilities.annotations import quote
from sqlmodel import Session

from flows.operations.bindings import save_findings_and_holds, save_run_and_holds
from flows.operations.registry_plan import apply_limits, plan_registry, wait_until_writable
from flows.operations.run_results import RegistryRunResult
from flows.runs import load_under_lease
from flows.stages import (
    LogStage,
    Stage,
    describe_changes,
    describe_observation,
    describe_plan,
    log_changes_only,
    log_stage,
)
from models.access.resync import next_baseline
from models.access.robot_state import RobotState
from models.access.rotation import has_superseded_robots
from models.core.availability import Complete
from models.core.errors import LeaseHeld, RemoteError
from models.core.runs.context import RunContext
from models.core.settings import get_settings
from models.registries.changes import ChangeResult
from models.registries.health import summarize_health, unfinished_conditions
from models.registries.observation import Snapshot, StorageReading
from models.registries.plan import Plan
from models.registries.record import RegistryRecord
from models.registries.registry import Registry
from models.registries.runs.baseline import Baseline
from models.registries.runs.record import Findings, RunRecord, summarize_findings, summarize_run
from models.registries.schedule import recheck_at, refuses_credentials
from models.registries.space import Space
from tasks import clock
from tasks.access.pull_user import observe_pull_user
from tasks.access.resync import collect_resync_inputs
from tasks.access.rotation import verify_new_secrets, verify_updated_secrets
from tasks.registries.apply import apply
from tasks.registries.connect import open_registry
from tasks.registries.observe import observe, unreachable_registry_snapshot
from tasks.registries.observer_account import ensure_observer, observer_credential
from tasks.registries.protocol import (
    RegistryClient,
    RegistryReader,
    RegistryWriter,
    SavedCredential,
    SaveSecret,
)
from tasks.registries.storage import try_read_storage
from tasks.secrets.credentials import read_credentials
from tasks.store.leases import save_and_release
from tasks.store.registries import runs
from tasks.store.registries.spaces import list_spaces
from tasks.store.session import in_transaction
from tasks.store.state import RegistryState, load_registry_state

LEASE_WAIT_SECONDS = 120.0
"""Time that a run started by a user waits for another run on the same registry or cluster."""


class RegistrySteps(NamedTuple):
    """The steps of a run that access the registry, as Prefect tasks or as plain functions.

    Attributes:
        log: logs the results of the stages.
    """

    observe: Callable[[Registry, RegistryReader, str, str], Awaitable[Snapshot]]
    apply: Callable[
        [Plan, RegistryWriter, str, SaveSecret | None], Awaitable[tuple[ChangeResult, ...]]
    ]
    log: LogStage


async def _apply(
    plan: Plan, writer: RegistryWriter, installation: str, save_secret: SaveSecret | None
) -> tuple[ChangeResult, ...]:
    # `quote` keeps Prefect from searching thousands of changes for states of other tasks.
    return await apply(cast(Plan, quote(plan)), writer, installation, save_secret)


AS_TASKS = RegistrySteps(observe, _apply, log_stage)
AS_FUNCTIONS = RegistrySteps(observe.fn, apply.fn, log_changes_only)
"""For many registries in one task: a task run per step would overload the Prefect server."""


@asynccontextmanager
async def hold_registry(
    name: str,
    save: Callable[[Session, RunContext], object] | None = None,
    *,
    wait_seconds: float = LEASE_WAIT_SECONDS,
    with_origins: bool = True,
    with_spaces: bool = True,
) -> AsyncIterator[tuple[RunContext, RegistryState]]:
    """Hold the lease on a registry; yield the context of the run and the state of the registry.

    Args:
        name: name of the registry.
        save: saves what the run desires, in the transaction that acquires the lease, before the
            state is loaded.
        wait_seconds: how long to wait for another run to release the lease, in seconds.
        with_origins, with_spaces: see `load_registry_state`.

    Raises:
        LeaseHeld: another run still holds the lease after `wait_seconds`; or it was lost.
        InvalidRequest: there is no registry with this name.
    """

    def load(session: Session, context: RunContext) -> RegistryState:
        if save is not None:
            save(session, context)
        return load_registry_state(
            session, name, with_origins=with_origins, with_spaces=with_spaces
        )

    async with load_under_lease(name, load, wait_seconds=wait_seconds) as loaded:
        yield loaded


async def reconcile(
    name: str,
    context: RunContext,
    steps: RegistrySteps = AS_TASKS,
    *,
    dry_run: bool = False,
    allow_large: bool = False,
    resync: bool = True,
    credentials: Mapping[str, SavedCredential] | None = None,
    due_at: datetime | None = None,
    rotate: frozenset[str] = frozenset(),
    is_new_registry: bool = False,
    registry_state: RegistryState | None = None,
    release: bool = False,
) -> RegistryRunResult:
    """Reconcile one registry under a lease: observe, plan, save findings, apply, save results.

    Args:
        context: the run, with its lease on the registry.
        resync: whether to compare the observation with the records in full, even if it can be told
            that nothing has changed, see `models.access.resync`.
        credentials: credentials that were read already; None to read them now.
        due_at: when the registry was due; skipped if another run has observed it since.
        rotate: workspaces that get a new secret now.
        is_new_registry: whether it was just integrated; then the storage usage is read as well, and
            the observer account is created.
        registry_state: the state that was loaded under this lease, see `hold_registry`; None to
            load it now.
        release: whether to release the lease in the transaction that saves the results, unless a
            second reconcile under it has superseded robot accounts to delete.

    Raises:
        LeaseHeld: another run has observed the registry since `due_at`, or took over the lease.
    """
    if registry_state is None:
        registry_state = await in_transaction(load_registry_state, name, with_spaces=resync)
    _skip_if_recent(registry_state.record, due_at)
    retention = get_settings().superseded_retention
    robot_state = registry_state.robot_state.schedule(retention, context.now, rotate)
    resync = resync or dry_run or allow_large or is_new_registry
    options = _Options(context, steps, dry_run, allow_large, is_new_registry, resync)
    try:
        return await _observe_and_save(
            registry_state, robot_state, credentials, options, release=release
        )
    except LeaseHeld:
        raise
    except Exception as error:  # raised again: only its effect on the health is saved here
        await _save_unfinished(registry_state.record, options, error)
        raise


async def _observe_and_save(
    registry_state: RegistryState,
    robot_state: RobotState,
    credentials: Mapping[str, SavedCredential] | None,
    options: "_Options",
    *,
    release: bool,
) -> RegistryRunResult:
    name, context = registry_state.record.registry.name, options.context
    result = await _connect_and_run(registry_state, robot_state, credentials, options)
    run_record = _summarize(registry_state, result)
    has_superseded = has_superseded_robots(robot_state.robots, result.results)
    if not options.dry_run:
        arguments = name, run_record, context.at(clock.now()), result.storage
        if release and not has_superseded:
            await save_and_release(context.lease_id, save_run_and_holds, *arguments)
        else:
            await in_transaction(save_run_and_holds, *arguments)
        health = summarize_health(run_record.conditions)
        options.steps.log(Stage.SAVE, name, f"{health.health}, {health.reason}")
    return RegistryRunResult(
        registry=name,
        health_summary=summarize_health(run_record.conditions),
        snapshot=result.snapshot,
        plan=result.plan,
        results=result.results,
        unsafe_reason=result.unsafe_reason,
        has_superseded_robots=has_superseded,
        recheck_at=recheck_at(
            run_record.poll_history, get_settings().poll_policy, run_record.conditions
        ),
    )


async def _save_unfinished(record: RegistryRecord, options: "_Options", error: Exception) -> None:
    """Save that nothing newer is known of a registry; a failure to do so is only logged."""
    if options.dry_run:
        return
    name, context = record.registry.name, options.context.at(clock.now())
    conditions = unfinished_conditions(record.conditions, type(error).__name__, context.now)
    try:
        await in_transaction(runs.save_conditions, name, conditions, context)
    except Exception:  # the first error is the one to raise
        get_run_logger().exception("%s: its conditions were not saved", name)


def _summarize(registry_state: RegistryState, result: "_Run") -> RunRecord:
    return summarize_run(
        registry_state.record,
        result.spaces,
        result.snapshot,
        result.unsaved_plan,
        result.results,
        robot_accounts=registry_state.robot_state.robots,
        unsafe_reason=result.unsafe_reason,
        failures=registry_state.failures,
        baseline=result.baseline,
    )


class _Options(NamedTuple):
    """Options of a run; see `reconcile`."""

    context: RunContext
    steps: RegistrySteps
    dry_run: bool
    allow_large: bool
    is_new_registry: bool
    resync: bool


class _Run(NamedTuple):
    """Observation, plan and results of a run.

    Attributes:
        unsaved_plan: the part of the plan that is not saved yet.
        spaces: the spaces on record that the plan was made with.
        baseline: what the comparison was based on; None if nothing was compared.
        storage: the storage usage; None if it was not read or could not be read.
    """

    snapshot: Snapshot
    plan: Plan
    unsaved_plan: Plan
    spaces: tuple[Space, ...] = ()
    baseline: Baseline | None = None
    results: tuple[ChangeResult, ...] = ()
    unsafe_reason: str = ""
    storage: StorageReading | None = None


async def _connect_and_run(
    registry_state: RegistryState,
    robot_state: RobotState,
    credentials: Mapping[str, SavedCredential] | None,
    options: _Options,
) -> _Run:
    registry = registry_state.record.registry
    try:
        if credentials is None:
            credentials = await read_credentials([registry], registry_state.credential_origins)
        async with open_registry(
            registry,
            credential_refused=refuses_credentials(registry_state.record.conditions),
            credentials=credentials,
            observer_credential=observer_credential(registry_state),
        ) as client:
            return await _run(registry_state, robot_state, client, credentials, options)
    except RemoteError as error:
        unreachable = _unreachable(registry_state, robot_state, error, options.context.now)
        options.steps.log(Stage.OBSERVE, registry.name, describe_observation(unreachable.snapshot))
        return unreachable


async def _run(
    registry_state: RegistryState,
    robot_state: RobotState,
    client: RegistryClient,
    credentials: Mapping[str, SavedCredential],
    options: _Options,
) -> _Run:
    """Observe, plan, save findings, apply.

    Raises:
        RemoteError: the registry could not be observed at all.
    """
    installation, registry = robot_state.installation, registry_state.record.registry
    inputs = collect_resync_inputs(
        registry_state, robot_state, credentials, options.context.now, is_requested=options.resync
    )
    observation = await options.steps.observe(registry, client, installation, inputs.known_lists)
    observation = await observe_pull_user(
        observation, registry_state.record, credentials, client, robot_state.key_check
    )
    options.steps.log(Stage.OBSERVE, registry.name, describe_observation(observation))
    if observation.is_unchanged:
        empty_plan = Plan(registry=registry.name, created_at=options.context.now)
        return _Run(observation, empty_plan, empty_plan)
    run = await _compare_and_apply(registry_state, robot_state, observation, client, options)
    baseline = next_baseline(
        inputs.basis,
        run.snapshot,
        run.plan,
        run.spaces,
        robot_state,
        unfinished=run.unsafe_reason,
        grace=get_settings().missing_grace,
    )
    return run._replace(baseline=baseline)


async def _compare_and_apply(
    registry_state: RegistryState,
    robot_state: RobotState,
    observation: Snapshot,
    client: RegistryClient,
    options: _Options,
) -> _Run:
    registry, installation = registry_state.record.registry, robot_state.installation
    spaces = await _load_spaces(registry_state)
    snapshot = robot_state.ignore_unneeded_robots(observation)
    snapshot = await verify_updated_secrets(robot_state, snapshot, client)
    robot_state = await verify_new_secrets(robot_state, client)
    plan = plan_registry(registry, spaces, robot_state, snapshot, options.context.now)
    if snapshot.read_only_reason and plan.changes and not options.dry_run:
        plan, waiting = wait_until_writable(snapshot, plan, allow_large=options.allow_large)
        return _Run(snapshot, plan, plan, spaces, unsafe_reason=waiting)
    plan, save_secret, unsafe_reason = await apply_limits(
        plan, robot_state.key_check, dry_run=options.dry_run, allow_large=options.allow_large
    )
    options.steps.log(Stage.PLAN, registry.name, describe_plan(plan, unsafe_reason))
    if options.dry_run:
        return _Run(snapshot, plan, plan, spaces, unsafe_reason=unsafe_reason)
    storage = None
    is_counted = registry.is_storage_counted  # by compute-overview: it takes longer
    if options.is_new_registry and not is_counted and isinstance(snapshot.spaces, Complete):
        # Before any change: the results of changes are saved at once.
        storage = await try_read_storage(registry.name, client)
    unsaved_plan = plan
    results: tuple[ChangeResult, ...] = ()
    if plan.changes:
        unsaved_plan = await _save_findings(registry_state.record, plan, options.context)
        results = await options.steps.apply(plan, client, installation, save_secret)
        options.steps.log(Stage.APPLY, registry.name, describe_changes(plan, results))
    if not snapshot.read_only_reason:
        await ensure_observer(robot_state, snapshot, client, create_missing=options.is_new_registry)
    return _Run(snapshot, plan, unsaved_plan, spaces, None, results, unsafe_reason, storage)


async def _load_spaces(registry_state: RegistryState) -> tuple[Space, ...]:
    """Return the spaces on record, which do not change under the lease of this run."""
    if registry_state.spaces is not None:
        return registry_state.spaces
    return await in_transaction(list_spaces, registry_state.record.registry.name)


def _unreachable(
    registry_state: RegistryState, robot_state: RobotState, error: RemoteError, now: datetime
) -> _Run:
    snapshot = unreachable_registry_snapshot(registry_state.record.registry, error)
    plan = plan_registry(registry_state.record.registry, (), robot_state, snapshot, now)
    return _Run(snapshot, plan, plan)


def _skip_if_recent(record: RegistryRecord, due_at: datetime | None) -> None:
    observed_at = record.poll_history.observed_at
    if due_at is not None and observed_at is not None and observed_at >= due_at:
        raise LeaseHeld(f"{record.registry.name!r} was just reconciled by another run")


async def _save_findings(record: RegistryRecord, plan: Plan, context: RunContext) -> Plan:
    """Save findings before any change, and return the part of the plan that is not saved yet."""
    # If a run is killed after it has corrected a drift, no later run can observe that drift.
    findings = summarize_findings(record, plan)
    if findings == Findings():
        return plan
    await in_transaction(save_findings_and_holds, plan.registry, findings, context)
    return plan.model_copy(update={"drifts": (), "expired_spaces": (), "bindings_to_hold": {}})
