"""The apply loop of registries and clusters: each change on its own, reduced access first."""

from collections.abc import Callable, Coroutine, Hashable, Iterable
from itertools import groupby
from typing import Any, Protocol, TypeVar

from prefect import get_run_logger

from models.core.errors import LeaseHeld, RemoteError
from models.core.reasons import Reason
from models.core.settings import get_settings
from tasks.concurrency import Deadline, DeadlineExceeded, gather_all


class PlannedChange(Protocol):
    """A change of a plan."""

    @property
    def kind(self) -> str:
        """The kind of change, for the log."""

    @property
    def reduces_access(self) -> bool:
        """Whether somebody can lose access; such changes are applied first."""


class AppliedChange(Protocol):
    """The result of a change."""

    @property
    def succeeded(self) -> bool:
        """Whether the change is in effect."""


ChangeT = TypeVar("ChangeT", bound=PlannedChange)
ResultT = TypeVar("ResultT", bound=AppliedChange)


async def apply_changes(
    changes: Iterable[ChangeT],
    write: Callable[[ChangeT], Coroutine[Any, Any, ResultT]],
    to_failure: Callable[[ChangeT, Reason, str], ResultT],
    queue_key: Callable[[ChangeT], Hashable] = id,
    stops_queue: Callable[[ChangeT], bool] = lambda change: not change.reduces_access,
) -> tuple[ResultT, ...]:
    """Apply all changes that reduce access, then the others; a failure does not stop the rest.

    Queues are processed concurrently, the changes within a queue in order. Changes that are not
    applied within `operation_seconds` fail and are left to the next run.

    Args:
        changes: changes, in the order of the plan.
        write: applies one change; the client limits the concurrency and retries each request.
        to_failure: returns the result of a failed change, with its reason and message.
        queue_key: returns the queue of a change; by default each change has its own.
        stops_queue: returns whether the changes after a failed one are not applied; by default,
            unless it reduces access.

    Returns:
        One result per attempted change.

    Raises:
        LeaseHeld: the run lost its lease; the remaining changes are not applied.
    """
    deadline = Deadline("applying the changes", get_settings().operation_seconds)

    async def apply_queue(queue: list[ChangeT]) -> list[ResultT]:
        results: list[ResultT] = []
        for change in queue:
            results.append(await _apply_change(change, write, to_failure, deadline))
            if not results[-1].succeeded and stops_queue(change):
                break
        return results

    results: list[ResultT] = []
    for _, stage in groupby(changes, key=lambda change: change.reduces_access):
        queues: dict[Hashable, list[ChangeT]] = {}
        for change in stage:
            queues.setdefault(queue_key(change), []).append(change)
        for queue_results in await gather_all(*map(apply_queue, queues.values())):
            results += queue_results
    return tuple(results)


async def _apply_change(
    change: ChangeT,
    write: Callable[[ChangeT], Coroutine[Any, Any, ResultT]],
    to_failure: Callable[[ChangeT, Reason, str], ResultT],
    deadline: Deadline,
) -> ResultT:
    try:
        return await deadline.run(write(change))
    except DeadlineExceeded as timeout:
        return to_failure(change, Reason.TIMED_OUT, f"{timeout}; the next run continues")
    except RemoteError as error:
        return to_failure(change, error.reason, error.message)
    except LeaseHeld:  # without the lease, nothing may be changed or saved
        raise
    except Exception as error:  # it must not discard the other results
        get_run_logger().exception("%s: unexpected error", change.kind)
        message = f"unexpected {type(error).__name__}, see the run's log"
        return to_failure(change, Reason.UNFORESEEN, message)
