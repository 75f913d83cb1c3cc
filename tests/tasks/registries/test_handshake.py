"""The first steps towards a registry."""

import asyncio

import pytest

from deployments.simulators.server import get_closed_url
from models.core.reasons import Reason
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from tasks.registries.handshake import check_connection
from tests.support.builders import registry
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import Recorder


async def _check_connection(address: str, seconds: float = 2) -> tuple[CheckResult, ...]:
    return await check_connection(registry(address=address), seconds)


async def test_all_steps() -> None:
    with serving(Recorder().app) as url:
        checks = await _check_connection(url)
    assert [check.step for check in checks] == ["Address valid", "DNS", "TCP", "TLS"]
    assert ConditionStatus.FALSE not in {check.status for check in checks}
    assert checks[1].message == "127.0.0.1 resolves to 127.0.0.1"


@pytest.mark.parametrize(
    ("address", "step", "reason"),
    [
        ("http://no-such-host.invalid", "DNS", Reason.UNKNOWN_HOST),
        ("https://no-such-host.invalid:8443", "DNS", Reason.UNKNOWN_HOST),
        ("http://{closed}", "TCP", Reason.CONNECTION_REFUSED),
        ("https://{closed}", "TCP", Reason.CONNECTION_REFUSED),
    ],
)
async def test_the_first_failing_step_ends_it(address: str, step: str, reason: Reason) -> None:
    closed = get_closed_url().partition("//")[2]
    *before, last = await _check_connection(address.format(closed=closed))
    assert (last.step, last.reason, last.status) == (step, reason, ConditionStatus.FALSE)
    assert (last.type, last.confirmed) == (ConditionType.REACHABLE, False)
    assert last.advice
    assert all(check.status is ConditionStatus.TRUE for check in before)


async def test_nobody_answers_the_handshake() -> None:
    connections_closed = asyncio.Semaphore(0)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        connections_closed.release()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        *_, last = await _check_connection(f"https://127.0.0.1:{port}", 0.2)
        for _ in ("TCP", "TLS"):
            await connections_closed.acquire()
    assert (last.step, last.reason) == ("TLS", Reason.TIMED_OUT)
    assert last.message == "no response within 0.2 s"


async def test_hung_up_during_the_handshake() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        *_, last = await _check_connection(f"https://127.0.0.1:{port}")
    assert (last.step, last.reason) == ("TLS", Reason.UNREACHABLE)
    assert "check that this is an https address" in last.advice
