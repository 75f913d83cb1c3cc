"""Doing several things at once."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")


class DeadlineExceeded(Exception):
    """A whole operation took longer than it may; the text says what and how long."""


class Deadline:
    """The end of a whole operation, shared by all of its parts.

    Args:
        operation: what may take so long; the subject of a sentence.
        seconds: from now on.
    """

    def __init__(self, operation: str, seconds: float) -> None:
        self._operation, self._seconds = operation, seconds
        self._ends_at = asyncio.get_running_loop().time() + seconds

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns, or end it when the time is over.

        Raises:
            OverTime: it was ended, or not begun.
        """
        if asyncio.get_running_loop().time() >= self._ends_at:
            work.close()
            raise self._exceeded()
        try:
            async with asyncio.timeout_at(self._ends_at) as limit:
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise self._exceeded() from None

    def _exceeded(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self._operation} took longer than {self._seconds:g} s")


async def map_concurrently(
    items: Iterable[Item], work: Callable[[Item], Awaitable[T]], semaphore: asyncio.Semaphore
) -> tuple[T, ...]:
    """Do something for each item, side by side, for as many at once as there are places."""

    async def run(item: Item) -> T:
        async with semaphore:
            return await work(item)

    return tuple(await asyncio.gather(*map(run, items)))


async def gather_all(*coroutines: Coroutine[Any, Any, T]) -> list[T]:
    """Do several things at once; the first failure ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]
