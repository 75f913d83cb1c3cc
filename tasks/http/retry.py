"""The retry policy for requests and tasks."""

from collections.abc import AsyncIterator
from typing import Any

import stamina
from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from models.core.errors import CircuitOpen, RemoteError

MAX_RETRY_AFTER = 20.0
"""Longest accepted Retry-After in seconds; a longer delay fails the request at once."""


def should_retry(error: Exception) -> bool | float:
    """Return whether to retry, or the Retry-After delay in seconds."""
    if not isinstance(error, RemoteError) or not error.transient:
        return False
    if isinstance(error, CircuitOpen):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= MAX_RETRY_AFTER else False


def retry_attempts(*, repeatable: bool) -> AsyncIterator[stamina.Attempt]:
    """Iterate over the attempts of one request: three if it is repeatable, else one."""
    return stamina.retry_context(
        on=should_retry,
        attempts=3 if repeatable else 1,
        timeout=60,
        wait_initial=0.3,
        wait_jitter=0.3,
        wait_max=5,
    ).__aiter__()


async def should_retry_task(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Return whether a task failed with a transient error; a Prefect `retry_condition_fn`."""
    # Must stay a plain async function: Prefect 3.9.1 never retries with any other callable.
    result = await state.aresult(raise_on_failure=False)
    return isinstance(result, RemoteError) and result.transient
