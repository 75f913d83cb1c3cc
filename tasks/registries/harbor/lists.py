"""Lists of Harbor, read whole or not at all."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from models.core.availability import Seen, Unseen
from models.core.errors import RegistryError

Item = TypeVar("Item")


async def whole(read: Callable[[], Awaitable[Seen[Item] | Unseen]]) -> Seen[Item] | Unseen:
    """Read a list, and once more if it changed meanwhile; what failed is unseen."""
    try:
        first = await read()
        return first if isinstance(first, Seen) else await read()
    except RegistryError as error:
        return Unseen(reason=error.reason, message=str(error))
