"""What every run has: a readable message on expected errors, and its context."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Failed
from sqlmodel import Session

from models.core.errors import IntegrationError, InvalidRequest
from models.core.runs.actor import Actor, identify_actor
from models.core.runs.context import RunContext
from models.core.runs.counters import CounterKey, CounterName, RunOutcome
from tasks import clock, counters
from tasks.prefect.actors import current_run_origin
from tasks.prefect.logs import flush_logs
from tasks.secrets.console_key import read_console_key
from tasks.store import leases
from tasks.store.counters import add_counters
from tasks.store.leases import lease
from tasks.store.session import in_transaction

P = ParamSpec("P")
T = TypeVar("T")


def report_errors(
    flow_function: Callable[P, Awaitable[T]],
) -> Callable[P, Awaitable[T | State[Any]]]:
    """Return a flow function that ends as Failed, with the message, on an `IntegrationError`.

    The log of the run ends with its message, and is complete when the run reaches its final state.
    The run is counted, and what it counted is saved.
    """

    @wraps(flow_function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T | State[Any]:
        try:
            return _log_message(await _run_and_count(flow_function(*args, **kwargs)))
        finally:
            await flush_logs()

    return wrapper


async def _run_and_count(run: Awaitable[T]) -> T | State[Any]:
    outcome = RunOutcome.FAILED
    try:
        result = await run
        if not (isinstance(result, State) and result.is_failed()):
            outcome = RunOutcome.COMPLETED
    except IntegrationError as error:
        return Failed(message=str(error))
    else:
        return result
    finally:
        await _save_counters(outcome)


async def _save_counters(outcome: RunOutcome) -> None:
    """Save what this process has counted; a failure to do so does not change the run's result."""
    counters.count(CounterKey(CounterName.FLOW_RUNS, flow_run.flow_name or "", outcome))
    counted = counters.take()
    try:
        await in_transaction(add_counters, counted)
    except Exception as error:
        counters.add(counted)
        get_run_logger().warning("The counters were not saved: %s", type(error).__name__)


def _log_message(result: T) -> T:
    if isinstance(result, State) and result.message:
        level = logging.ERROR if result.is_failed() else logging.INFO
        get_run_logger().log(level, "%s", result.message)
    return result


async def isolate_failure(subject: str, work: Awaitable[T], on_error: Callable[[str], T]) -> T:
    """Await the work for one of many subjects, and turn any exception into a result.

    Args:
        subject: name of the registry or cluster, for the error message.
        work: the work to await.
        on_error: returns the result for an error message.
    """
    try:
        return await work
    except IntegrationError as error:
        message = str(error)
        return on_error(message if message.startswith(f"{subject}:") else f"{subject}: {message}")
    except Exception as error:
        get_run_logger().exception("%s: unexpected error", subject)
        return on_error(f"{subject}: unexpected {type(error).__name__}, see the run's log")


def new_run_context(lease_id: str = "") -> RunContext:
    """Return the context of the current run; outside of a flow run, it names no flow run."""
    return RunContext(
        now=clock.now(),
        flow_run=str(flow_run.id or ""),
        actor=_current_actor(),
        lease_id=lease_id,
    )


def _current_actor() -> Actor:
    origin = current_run_origin()
    if origin is None:
        return Actor()
    try:
        key = read_console_key() if origin.signature else None
    except InvalidRequest as error:  # the run is carried out: only its audit is less exact
        get_run_logger().warning("The signature of the console was not verified: %s", error)
        key = None
    return identify_actor(origin, key)


@asynccontextmanager
async def hold_lease(key: str, *, wait_seconds: float = 0.0) -> AsyncIterator[RunContext]:
    """Hold a lease, see `tasks.store.leases.lease`; yield the context of the run that holds it."""
    flow_run_id = new_run_context().flow_run
    async with lease(key, wait_seconds=wait_seconds, flow_run=flow_run_id) as lease_id:
        yield new_run_context(lease_id)


@asynccontextmanager
async def load_under_lease(
    key: str, load: Callable[[Session, RunContext], T], *, wait_seconds: float = 0.0
) -> AsyncIterator[tuple[RunContext, T]]:
    """Hold a lease, and load in the transaction that acquires it.

    See `tasks.store.leases.load_under_lease`. Yields the context of the run that holds the lease,
    and the result of `load`.
    """

    def load_with_context(session: Session, lease_id: str) -> tuple[RunContext, T]:
        context = new_run_context(lease_id)
        return context, load(session, context)

    flow_run_id = new_run_context().flow_run
    async with leases.load_under_lease(
        key, load_with_context, wait_seconds=wait_seconds, flow_run=flow_run_id
    ) as loaded:
        yield loaded
