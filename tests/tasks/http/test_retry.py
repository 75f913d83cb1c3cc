"""What is worth another try."""

import pickle
import time

import pytest
import stamina
from prefect.client.schemas.objects import State, StateType, TaskRun

from models.core import errors
from models.core.errors import RegistryError, Throttled, Transient
from tasks.http.retry import LONGEST_WAIT, again, attempts, is_transient
from tasks.registries.apply import apply


def _error(kind: type[RegistryError], after: float | None = None) -> RegistryError:
    return kind("prod", "GET", "http://h", "said", None, after)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (_error(errors.Unreachable), True),
        (_error(errors.TimedOut), True),
        (_error(errors.ServerBroken), True),
        (_error(errors.Throttled), True),
        (_error(errors.Throttled, 0.0), 0.0),
        (_error(errors.Throttled, 3.5), 3.5),
        (_error(errors.ServerBroken, LONGEST_WAIT), LONGEST_WAIT),
        (_error(errors.Throttled, LONGEST_WAIT + 1), False),
        (_error(errors.NotAskedAgain), False),
        (_error(errors.Unauthorized), False),
        (_error(errors.Forbidden), False),
        (_error(errors.TlsFailed), False),
        (_error(errors.Redirected), False),
        (ValueError("bug"), False),
    ],
)
def test_again(error: Exception, verdict: bool | float) -> None:
    assert again(error) == verdict
    assert isinstance(again(error), type(verdict))


@pytest.mark.parametrize(("repeatable", "tries"), [(True, 3), (False, 1)])
async def test_attempts(repeatable: bool, tries: int) -> None:
    made = 0
    with stamina.set_testing(True, attempts=9, cap=True), pytest.raises(Throttled):
        async for attempt in attempts(repeatable=repeatable):
            with attempt:
                made += 1
                raise _error(Throttled)
    assert made == tries


async def test_retry_after_is_waited_for() -> None:
    """Longer than the policy's own first wait of 0.3 to 0.6 s."""
    began, made = time.monotonic(), 0
    async for attempt in attempts(repeatable=True):
        with attempt:
            made += 1
            if made == 1:
                raise _error(Throttled, 0.8)
    assert made == 2
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
    assert await is_transient(apply, run, state) is verdict
    assert isinstance(pickle.loads(pickle.dumps(error)), Transient) is verdict
