"""The one retry policy, and the one test for what is worth a retry."""

from collections.abc import AsyncIterator
from typing import Any

import stamina
from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from models.core.errors import (
    CircuitOpen,
    ClusterCircuitOpen,
    TransientClusterError,
    TransientRegistryError,
)

MAX_RETRY_AFTER = 20.0
"""Seconds that a registry's Retry-After may ask for; beyond that the run gives up for now."""


def should_retry(error: Exception) -> bool | float:
    """Say whether a request is worth another try, and after how many seconds if that was told."""
    if not isinstance(error, TransientRegistryError | TransientClusterError):
        return False
    if isinstance(error, CircuitOpen | ClusterCircuitOpen):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= MAX_RETRY_AFTER else False


def retry_attempts(*, repeatable: bool) -> AsyncIterator[stamina.Attempt]:
    """Iterate over attempts at one request: three if it may be repeated, else one."""
    return stamina.retry_context(
        on=should_retry,
        attempts=3 if repeatable else 1,
        timeout=60,
        wait_initial=0.3,
        wait_jitter=0.3,
        wait_max=5,
    ).__aiter__()


async def is_transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Let Prefect retry a task only after a transient fault.

    It must be a plain async function: Prefect 3.9.1 never retries with anything else.
    """
    result = await state.aresult(raise_on_failure=False)
    return isinstance(result, TransientRegistryError | TransientClusterError)
