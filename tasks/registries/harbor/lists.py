"""Lists of Harbor, read whole or not at all."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from models.core.availability import Complete, Unavailable
from models.core.errors import RegistryError

Item = TypeVar("Item")


async def read_complete(
    read: Callable[[], Awaitable[Complete[Item] | Unavailable]],
) -> Complete[Item] | Unavailable:
    """Read a list, and once more if it changed meanwhile; what failed is unseen."""
    try:
        first = await read()
        return first if isinstance(first, Complete) else await read()
    except RegistryError as error:
        return Unavailable(reason=error.reason, message=str(error))
