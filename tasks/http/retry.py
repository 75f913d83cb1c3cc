"""The retry policy for requests and tasks."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import stamina
from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from models.core.errors import CircuitOpen, RemoteError

T = TypeVar("T")

MAX_RETRY_AFTER = 20.0
"""Longest accepted Retry-After in seconds; a longer delay fails the request at once."""


_MAX_SECONDS = 60.0
"""Time after which no other attempt begins, in seconds."""


def should_retry(error: Exception) -> bool | float:
    """Return whether to retry, or the Retry-After delay in seconds."""
    if not isinstance(error, RemoteError) or not error.transient:
        return False
    if isinstance(error, CircuitOpen):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= MAX_RETRY_AFTER else False


async def retry(send: Callable[[], Awaitable[T]], *, repeatable: bool) -> T:
    """Send a request; after a transient error again, up to three times in all.

    Args:
        send: sends the request once.
        repeatable: whether the request may be sent twice.

    Raises:
        RemoteError: the error of the last attempt.
    """
    started = time.monotonic()
    try:
        return await send()
    except RemoteError as error:
        seconds = _MAX_SECONDS - (time.monotonic() - started)
        if seconds <= 0 or not repeatable or should_retry(error) is False:
            raise
        failure = error
    # Only after an error: to prepare the attempts takes longer than to parse most responses.
    async for attempt in stamina.retry_context(
        on=should_retry,
        attempts=3,
        timeout=seconds,
        wait_initial=0.3,
        wait_jitter=0.3,
        wait_max=5,
    ):
        with attempt:
            if attempt.num == 1:  # this was the first attempt
                raise failure
            return await send()
    raise failure  # not reached: the last attempt raises its error


async def should_retry_task(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Return whether a task failed with a transient error; a Prefect `retry_condition_fn`."""
    # Must stay a plain async function: Prefect 3.9.1 never retries with any other callable.
    result = await state.aresult(raise_on_failure=False)
    return isinstance(result, RemoteError) and result.transient
