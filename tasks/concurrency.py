"""Doing several things at once."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")


class OverTime(Exception):
    """A whole operation took longer than it may; the text says what and how long."""


class Deadline:
    """The end of a whole operation, shared by all of its parts.

    Args:
        what: what may take so long; the subject of a sentence.
        seconds: from now on.
    """

    def __init__(self, what: str, seconds: float) -> None:
        self._what, self._seconds = what, seconds
        self._at = asyncio.get_running_loop().time() + seconds

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns, or end it when the time is over.

        Raises:
            OverTime: it was ended, or not begun.
        """
        if asyncio.get_running_loop().time() >= self._at:
            work.close()
            raise self._over()
        try:
            async with asyncio.timeout_at(self._at) as limit:
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise self._over() from None

    def _over(self) -> OverTime:
        return OverTime(f"{self._what} took longer than {self._seconds:g} s")


async def for_each(
    items: Iterable[Item], work: Callable[[Item], Awaitable[T]], places: asyncio.Semaphore
) -> tuple[T, ...]:
    """Do something for each item, side by side, for as many at once as there are places."""

    async def placed(item: Item) -> T:
        async with places:
            return await work(item)

    return tuple(await asyncio.gather(*map(placed, items)))


async def side_by_side(*works: Coroutine[Any, Any, T]) -> list[T]:
    """Do several things at once; the first failure ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]
