"""Several things at once."""

import asyncio

import pytest

from models.errors import NotFound
from tasks.concurrency import side_by_side


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
