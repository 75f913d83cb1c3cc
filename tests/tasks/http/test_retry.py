"""What is worth another try."""

import pickle
import time

import pytest
import stamina
from prefect.client.schemas.objects import State, StateType, TaskRun

from models.core.errors import CircuitOpen, RemoteError
from models.core.reasons import Reason
from tasks.http.retry import MAX_RETRY_AFTER, retry, should_retry, should_retry_task
from tasks.registries.apply import apply
from tests.support.errors import raises_reason


def _error(reason: Reason, after: float | None = None) -> RemoteError:
    return RemoteError("prod", "GET", "http://h", "said", reason, retry_after=after)


def _open_circuit() -> RemoteError:
    return CircuitOpen("prod", "GET", "http://h", "said")


class Sender:
    """Sends a request: raises these errors, one after another, then says how often it sent."""

    def __init__(self, *errors: RemoteError) -> None:
        self._errors, self.count = list(errors), 0

    async def __call__(self) -> str:
        self.count += 1
        if self._errors:
            raise self._errors.pop(0)
        return str(self.count)


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
    send = Sender(*[_error(Reason.THROTTLED)] * 9)
    with stamina.set_testing(True, attempts=9, cap=True), raises_reason(Reason.THROTTLED):
        await retry(send, repeatable=repeatable)
    assert send.count == tries


async def test_what_goes_well_is_sent_once() -> None:
    send = Sender()
    assert await retry(send, repeatable=True) == "1"
    assert send.count == 1


async def test_an_error_that_lasts_is_sent_once() -> None:
    send = Sender(_error(Reason.FORBIDDEN))
    with raises_reason(Reason.FORBIDDEN):
        await retry(send, repeatable=True)
    assert send.count == 1


async def test_another_error_ends_the_attempts() -> None:
    send = Sender(_error(Reason.THROTTLED, 0.0), _error(Reason.FORBIDDEN))
    with raises_reason(Reason.FORBIDDEN):
        await retry(send, repeatable=True)
    assert send.count == 2


async def test_after_a_minute_no_other_attempt_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that lasts until its own time limit is not sent again."""
    clock = iter([0.0, 60.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock, 60.0))
    send = Sender(_error(Reason.TIMED_OUT))
    with raises_reason(Reason.TIMED_OUT):
        await retry(send, repeatable=True)
    assert send.count == 1


async def test_retry_after_is_waited_for() -> None:
    """Longer than the policy's own first wait of 0.3 to 0.6 s."""
    began, send = time.monotonic(), Sender(_error(Reason.THROTTLED, 0.8))
    assert await retry(send, repeatable=True) == "2"
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
