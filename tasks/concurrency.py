"""Doing several things at once."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")


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
