"""What is worth another try."""

import pickle
import time

import pytest
import stamina
from prefect.client.schemas.objects import State, StateType, TaskRun

from models.core.errors import CircuitOpen, RemoteError
from models.core.reasons import Reason
from tasks.http.retry import MAX_RETRY_AFTER, retry_attempts, should_retry, should_retry_task
from tasks.registries.apply import apply
from tests.support.errors import raises_reason


def _error(reason: Reason, after: float | None = None) -> RemoteError:
    return RemoteError("prod", "GET", "http://h", "said", reason, retry_after=after)


def _open_circuit() -> RemoteError:
    return CircuitOpen("prod", "GET", "http://h", "said")


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (_error(Reason.UNREACHABLE), True),
        (_error(Reason.TIMED_OUT), True),
        (_error(Reason.SERVER_BROKEN), True),
        (_error(Reason.THROTTLED), True),
        (_error(Reason.THROTTLED, 0.0), 0.0),
        (_error(Reason.THROTTLED, 3.5), 3.5),
        (_error(Reason.SERVER_BROKEN, MAX_RETRY_AFTER), MAX_RETRY_AFTER),
        (_error(Reason.THROTTLED, MAX_RETRY_AFTER + 1), False),
        (_open_circuit(), False),
        (_error(Reason.UNAUTHORIZED), False),
        (_error(Reason.FORBIDDEN), False),
        (_error(Reason.TLS_UNTRUSTED), False),
        (_error(Reason.REDIRECTED), False),
        (ValueError("bug"), False),
    ],
)
def test_again(error: Exception, verdict: bool | float) -> None:
    assert should_retry(error) == verdict
    assert isinstance(should_retry(error), type(verdict))


@pytest.mark.parametrize(("repeatable", "tries"), [(True, 3), (False, 1)])
async def test_attempts(repeatable: bool, tries: int) -> None:
    attempt_count = 0
    with stamina.set_testing(True, attempts=9, cap=True), raises_reason(Reason.THROTTLED):
        async for attempt in retry_attempts(repeatable=repeatable):
            with attempt:
                attempt_count += 1
                raise _error(Reason.THROTTLED)
    assert attempt_count == tries


async def test_retry_after_is_waited_for() -> None:
    """Longer than the policy's own first wait of 0.3 to 0.6 s."""
    began, attempt_count = time.monotonic(), 0
    async for attempt in retry_attempts(repeatable=True):
        with attempt:
            attempt_count += 1
            if attempt_count == 1:
                raise _error(Reason.THROTTLED, 0.8)
    assert attempt_count == 2
    assert time.monotonic() - began >= 0.8


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (_error(Reason.TIMED_OUT), True),
        (_open_circuit(), True),
        (_error(Reason.UNAUTHORIZED), False),
        (ValueError("bug"), False),
    ],
)
async def test_prefect_retries_only_what_is_transient(error: Exception, verdict: bool) -> None:
    state: State[object] = State(type=StateType.FAILED, data=error)
    run = TaskRun(task_key="t", dynamic_key="0")
    assert await should_retry_task(apply, run, state) is verdict
    assert getattr(pickle.loads(pickle.dumps(error)), "transient", False) is verdict
