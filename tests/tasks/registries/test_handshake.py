"""The first steps towards a registry."""

import asyncio

import pytest

from deployments.simulators.server import closed_port_url
from models.core.reasons import Reason
from models.registries.condition import ConditionType, Status, Verdict
from tasks.registries.handshake import knock
from tests.support.builders import registry
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import Recorder


async def _knock(address: str, seconds: float = 2) -> tuple[Verdict, ...]:
    return await knock(registry(address=address), seconds)


async def test_all_steps() -> None:
    with serving(Recorder().app) as url:
        verdicts = await _knock(url)
    assert [one.step for one in verdicts] == ["Address valid", "DNS", "TCP", "TLS"]
    assert Status.FALSE not in {one.status for one in verdicts}
    assert verdicts[1].message == "127.0.0.1 is 127.0.0.1"


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
    closed = closed_port_url().partition("//")[2]
    *before, last = await _knock(address.format(closed=closed))
    assert (last.step, last.reason, last.status) == (step, reason, Status.FALSE)
    assert (last.type, last.proved) == (ConditionType.REACHABLE, False)
    assert last.advice
    assert all(one.status is Status.TRUE for one in before)


async def test_nobody_answers_the_handshake() -> None:
    ended = asyncio.Semaphore(0)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.release()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        *_, last = await _knock(f"https://127.0.0.1:{port}", 0.2)
        for _ in ("TCP", "TLS"):
            await ended.acquire()
    assert (last.step, last.reason) == ("TLS", Reason.TIMED_OUT)
    assert last.message == "no answer within 0.2 s"


async def test_hung_up_during_the_handshake() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        *_, last = await _knock(f"https://127.0.0.1:{port}")
    assert (last.step, last.reason) == ("TLS", Reason.UNREACHABLE)
    assert "is this an https address?" in last.advice
