"""Concurrent coroutines: deadlines, bounded concurrency, fail-fast groups."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")


class DeadlineExceeded(Exception):
    """An operation exceeded its time limit; the message names the operation and the limit."""


class Deadline:
    """A time limit for one operation, shared by all of its parts.

    Args:
        operation: name of the operation, used as the subject of the error message.
        seconds: time limit in seconds, starting now.
    """

    def __init__(self, operation: str, seconds: float) -> None:
        self._operation, self._seconds = operation, seconds
        self._ends_at = asyncio.get_running_loop().time() + seconds

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work` and return its result; cancel it at the deadline.

        Raises:
            DeadlineExceeded: the deadline passed before `work` started or finished.
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
    """Call `work` for each item concurrently; `semaphore` limits the concurrency.

    Results have the order of `items`.
    """

    async def run(item: Item) -> T:
        async with semaphore:
            return await work(item)

    return tuple(await asyncio.gather(*map(run, items)))


async def gather_all(*coroutines: Coroutine[Any, Any, T]) -> list[T]:
    """Run coroutines concurrently and return their results in order.

    The first failure cancels the other coroutines and is raised without its exception group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]
