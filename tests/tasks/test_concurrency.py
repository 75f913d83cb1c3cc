"""Several things at once."""

import asyncio

import pytest

from models.core.errors import NotFound
from tasks.concurrency import Deadline, OverTime, for_each, side_by_side


async def _after(seconds: float, result: object) -> object:
    await asyncio.sleep(seconds)
    if isinstance(result, Exception):
        raise result
    return result


async def test_results_keep_their_order() -> None:
    assert await side_by_side() == []
    assert await side_by_side(_after(0.02, 1), _after(0, 2), _after(0.01, 3)) == [1, 2, 3]


async def test_the_first_failure_is_raised_as_it_is_and_ends_the_others() -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(5)
        finally:
            ended.append("slow")

    error = NotFound("prod", "GET", "http://h", "gone")
    with pytest.raises(NotFound) as caught:
        await side_by_side(slow(), _after(0, error), slow())
    assert caught.value is error
    assert ended == ["slow", "slow"]


async def test_being_cancelled_ends_all() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await side_by_side(_after(5, 1), _after(5, 2))


async def test_no_more_at_once_than_there_are_places_and_in_order() -> None:
    under_way, most = 0, 0

    async def work(item: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return item * 2

    assert await for_each(range(7), work, asyncio.Semaphore(3)) == (0, 2, 4, 6, 8, 10, 12)
    assert most == 3


async def test_what_had_no_place_yet_is_never_begun_when_all_is_called_off() -> None:
    begun: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        await asyncio.sleep(60)

    task = asyncio.ensure_future(for_each(range(5), work, asyncio.Semaphore(2)))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert begun == [0, 1]


async def test_a_whole_operation_ends_with_its_time() -> None:
    end = Deadline("it", 0.05)
    assert await end.run(_after(0, 1)) == 1
    for _ in range(2):  # the second is not even begun
        with pytest.raises(OverTime, match=r"^it took longer than 0\.05 s$"):
            await end.run(_after(60, 2))


async def test_another_timeout_is_not_the_operations() -> None:
    with pytest.raises(TimeoutError, match="inner"):
        await Deadline("it", 60).run(_after(0, TimeoutError("inner")))
