"""Several things at once."""

import asyncio

import pytest

from models.core.errors import NotFound
from tasks.concurrency import Deadline, DeadlineExceeded, gather_all, map_concurrently


async def _after(seconds: float, result: object) -> object:
    await asyncio.sleep(seconds)
    if isinstance(result, Exception):
        raise result
    return result


async def test_results_keep_their_order() -> None:
    assert await gather_all() == []
    assert await gather_all(_after(0.02, 1), _after(0, 2), _after(0.01, 3)) == [1, 2, 3]


async def test_the_first_failure_is_raised_as_it_is_and_ends_the_others() -> None:
    cleanups: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(5)
        finally:
            cleanups.append("slow")

    error = NotFound("prod", "GET", "http://h", "gone")
    with pytest.raises(NotFound) as excinfo:
        await gather_all(slow(), _after(0, error), slow())
    assert excinfo.value is error
    assert cleanups == ["slow", "slow"]


async def test_being_cancelled_ends_all() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await gather_all(_after(5, 1), _after(5, 2))


async def test_no_more_at_once_than_there_are_places_and_in_order() -> None:
    in_flight, peak = 0, 0

    async def work(item: int) -> int:
        nonlocal in_flight, peak
        in_flight += 1
        peak = max(peak, in_flight)
        await asyncio.sleep(0)
        in_flight -= 1
        return item * 2

    assert await map_concurrently(range(7), work, asyncio.Semaphore(3)) == (0, 2, 4, 6, 8, 10, 12)
    assert peak == 3


async def test_what_had_no_place_yet_is_never_begun_when_all_is_called_off() -> None:
    begun: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        await asyncio.sleep(60)

    task = asyncio.ensure_future(map_concurrently(range(5), work, asyncio.Semaphore(2)))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert begun == [0, 1]


async def test_a_whole_operation_ends_with_its_time() -> None:
    end = Deadline("it", 0.05)
    assert await end.run(_after(0, 1)) == 1
    for _ in range(2):  # the second is not even begun
        with pytest.raises(DeadlineExceeded, match=r"^it took longer than 0\.05 s$"):
            await end.run(_after(60, 2))


async def test_another_timeout_is_not_the_operations() -> None:
    with pytest.raises(TimeoutError, match="inner"):
        await Deadline("it", 60).run(_after(0, TimeoutError("inner")))
