"""Reconcile all due registries concurrently, in a few tasks."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.operations.reconcile_registry import AS_FUNCTIONS, hold_registry, reconcile
from flows.operations.sync_clusters import sync_registered_clusters
from flows.registries import messages
from flows.runs import isolate_failure, report_errors
from models.access.rotation import registries_with_due_robots
from models.access.target import TargetState
from models.core.base import FrozenModel
from models.core.errors import LeaseHeld
from models.core.settings import get_settings
from models.registries.record import RegistryRecord
from tasks import clock
from tasks.concurrency import map_concurrently
from tasks.prefect.events import send_events
from tasks.registries.protocol import SavedCredential
from tasks.secrets.credentials import read_credentials
from tasks.store.registries import registries
from tasks.store.session import in_transaction
from tasks.store.state import load_rotation_records

_MAX_ROUND = timedelta(seconds=30)
"""Time after which a run observes nothing again: the next run, a minute after it, does."""

_BATCH = 50
"""Registries per task run: a task run costs more on the Prefect server than one observation."""


class RegistryRunSummary(FrozenModel):
    """The result of the run on one registry.

    Attributes:
        affects_pull_secrets: whether pull secrets may have to change.
        unavailable_reason: why the registry could not be read; this does not fail the run.
        skipped_reason: why the registry was left to another run.
        error: why the run failed.
        note: remark for the run message.
        recheck_at: see `RegistryRunResult`.
    """

    registry: str
    affects_pull_secrets: bool = False
    unavailable_reason: str = ""
    skipped_reason: str = ""
    error: str = ""
    note: str = ""
    recheck_at: datetime | None = None


@flow(name="reconcile-all", persist_result=False)
@report_errors
async def reconcile_all() -> State[None]:
    """Observe every due registry and correct what differs from the desired state.

    Registries are independent of each other. A registry that is down is saved as unhealthy with a
    reason; the run fails only if a change or the run itself fails. A failure that is not confirmed
    is observed again some seconds later, after all results of the others are saved and sent.
    """
    records = await in_transaction(registries.list_registries)
    due_at = clock.now()
    robot_accounts, departures = await in_transaction(load_rotation_records)
    urgent_names = registries_with_due_robots(
        robot_accounts, departures, get_settings().superseded_retention, due_at
    )
    due_records = [
        record
        for record in records
        if record.is_due(
            get_settings().poll_policy, due_at, urgent=record.registry.name in urgent_names
        )
    ]
    credentials = await read_credentials(record.registry for record in due_records)
    semaphore = asyncio.Semaphore(get_settings().registries_at_once)
    names = [record.registry.name for record in due_records]
    batches = [names[start : start + _BATCH] for start in range(0, len(names), _BATCH)]
    results = await asyncio.gather(
        *(reconcile_batch(batch, credentials, semaphore, due_at) for batch in batches)
    )
    summaries = {summary.registry: summary for batch in results for summary in batch}
    await _publish_changes(summaries.values())
    unconfirmed = [summary for summary in summaries.values() if summary.recheck_at is not None]
    if unconfirmed and clock.now() - due_at <= _MAX_ROUND:
        rechecks = await recheck_batch(unconfirmed, credentials, semaphore)
        summaries |= {check.registry: check for check in rechecks if not check.skipped_reason}
        await _publish_changes(rechecks)
    return _final_state(records, due_at, tuple(summaries.values()))


async def _publish_changes(summaries: Iterable[RegistryRunSummary]) -> None:
    if any(summary.affects_pull_secrets for summary in summaries):
        await sync_registered_clusters()
    await send_events()


@task(name="recheck-batch", cache_policy=NO_CACHE, persist_result=False)
async def recheck_batch(
    unconfirmed: Sequence[RegistryRunSummary],
    credentials: Mapping[str, SavedCredential],
    semaphore: asyncio.Semaphore,
) -> tuple[RegistryRunSummary, ...]:
    """Reconcile registries again at the time of their recheck, unless another run just did."""

    async def recheck(summary: RegistryRunSummary) -> RegistryRunSummary:
        name, time = summary.registry, summary.recheck_at or clock.now()
        await asyncio.sleep(max((time - clock.now()).total_seconds(), 0))
        async with semaphore:
            work = _reconcile_isolated(name, credentials, clock.now())
            return await isolate_failure(
                name, work, lambda message: RegistryRunSummary(registry=name, error=message)
            )

    return tuple(await asyncio.gather(*(recheck(summary) for summary in unconfirmed)))


@task(name="reconcile-batch", cache_policy=NO_CACHE, persist_result=False)
async def reconcile_batch(
    names: Sequence[str],
    credentials: Mapping[str, SavedCredential],
    semaphore: asyncio.Semaphore,
    due_at: datetime,
) -> tuple[RegistryRunSummary, ...]:
    """Reconcile registries concurrently; `semaphore` limits all batches together."""

    def reconcile_registry(name: str) -> Awaitable[RegistryRunSummary]:
        work = _reconcile_isolated(name, credentials, due_at)
        return isolate_failure(
            name, work, lambda message: RegistryRunSummary(registry=name, error=message)
        )

    return await map_concurrently(names, reconcile_registry, semaphore)


async def _reconcile_isolated(
    name: str, credentials: Mapping[str, SavedCredential], due_at: datetime
) -> RegistryRunSummary:
    try:
        async with hold_registry(name, wait_seconds=0.0, with_origins=False, with_spaces=False) as (
            context,
            registry_state,
        ):
            result = await reconcile(
                name,
                context,
                AS_FUNCTIONS,
                resync=False,
                credentials=credentials,
                due_at=due_at,
                registry_state=registry_state,
                release=True,
            )
    except LeaseHeld as error:  # another run reconciles it, or just did
        return RegistryRunSummary(registry=name, skipped_reason=error.conflict.other_run)
    if not result.snapshot.has_spaces:
        get_run_logger().warning(result.error)
        return RegistryRunSummary(
            registry=name, unavailable_reason=result.error, recheck_at=result.recheck_at
        )
    waits = result.target.state is TargetState.READ_ONLY
    return RegistryRunSummary(
        registry=name,
        affects_pull_secrets=result.affects_pull_secrets,
        error="" if waits else result.error,
        note=result.error if waits else result.note,
        recheck_at=result.recheck_at,
    )


def _final_state(
    records: Sequence[RegistryRecord], due_at: datetime, summaries: Sequence[RegistryRunSummary]
) -> State[None]:
    errors = [summary.error for summary in summaries if summary.error]
    unavailable = [summary.registry for summary in summaries if summary.unavailable_reason]
    notes = [summary.note for summary in summaries if summary.note]
    skipped = {
        summary.registry: summary.skipped_reason for summary in summaries if summary.skipped_reason
    }
    due_names = {summary.registry for summary in summaries}
    times = [
        due_at if record.registry.name in due_names else record.poll_history.observed_at or due_at
        for record in records
    ]
    due = messages.due_note(len(summaries), len(records), min(times, default=None))
    message = messages.reconcile_all_summary(due, unavailable, skipped, notes, errors)
    return Failed(message=message) if errors else Completed(message=message)
