"""Read lists of Harbor completely."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from models.core.availability import Complete, Unavailable
from models.core.errors import RemoteError

Item = TypeVar("Item")


async def read_complete(
    read: Callable[[], Awaitable[Complete[Item] | Unavailable]],
) -> Complete[Item] | Unavailable:
    """Read a list, and once more if it changed during the read.

    Args:
        read: reads the list once.

    Returns:
        The complete list; unavailable if it changed again or an error occurred.
    """
    try:
        first = await read()
        return first if isinstance(first, Complete) else await read()
    except RemoteError as error:
        return Unavailable(reason=error.reason, message=str(error))
