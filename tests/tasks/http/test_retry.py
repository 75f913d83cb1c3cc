"""What is worth another try."""

import pickle
import time

import pytest
import stamina
from prefect.client.schemas.objects import State, StateType, TaskRun

from models.core import errors
from models.core.errors import RegistryError, Throttled, TransientRegistryError
from tasks.http.retry import MAX_RETRY_AFTER, retry_attempts, should_retry, should_retry_task
from tasks.registries.apply import apply


def _error(kind: type[RegistryError], after: float | None = None) -> RegistryError:
    return kind("prod", "GET", "http://h", "said", None, after)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (_error(errors.Unreachable), True),
        (_error(errors.TimedOut), True),
        (_error(errors.ServerError), True),
        (_error(errors.Throttled), True),
        (_error(errors.Throttled, 0.0), 0.0),
        (_error(errors.Throttled, 3.5), 3.5),
        (_error(errors.ServerError, MAX_RETRY_AFTER), MAX_RETRY_AFTER),
        (_error(errors.Throttled, MAX_RETRY_AFTER + 1), False),
        (_error(errors.CircuitOpen), False),
        (_error(errors.Unauthorized), False),
        (_error(errors.Forbidden), False),
        (_error(errors.TlsFailed), False),
        (_error(errors.Redirected), False),
        (ValueError("bug"), False),
    ],
)
def test_again(error: Exception, verdict: bool | float) -> None:
    assert should_retry(error) == verdict
    assert isinstance(should_retry(error), type(verdict))


@pytest.mark.parametrize(("repeatable", "tries"), [(True, 3), (False, 1)])
async def test_attempts(repeatable: bool, tries: int) -> None:
    attempt_count = 0
    with stamina.set_testing(True, attempts=9, cap=True), pytest.raises(Throttled):
        async for attempt in retry_attempts(repeatable=repeatable):
            with attempt:
                attempt_count += 1
                raise _error(Throttled)
    assert attempt_count == tries


async def test_retry_after_is_waited_for() -> None:
    """Longer than the policy's own first wait of 0.3 to 0.6 s."""
    began, attempt_count = time.monotonic(), 0
    async for attempt in retry_attempts(repeatable=True):
        with attempt:
            attempt_count += 1
            if attempt_count == 1:
                raise _error(Throttled, 0.8)
    assert attempt_count == 2
    assert time.monotonic() - began >= 0.8


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (_error(errors.TimedOut), True),
        (_error(errors.Unauthorized), False),
        (ValueError("bug"), False),
    ],
)
async def test_prefect_retries_only_what_is_transient(error: Exception, verdict: bool) -> None:
    state: State[object] = State(type=StateType.FAILED, data=error)
    run = TaskRun(task_key="t", dynamic_key="0")
    assert await should_retry_task(apply, run, state) is verdict
    assert isinstance(pickle.loads(pickle.dumps(error)), TransientRegistryError) is verdict
