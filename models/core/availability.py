"""A section of an observation: read completely, or unavailable with a reason."""

from typing import Generic, Literal, TypeVar

from models.core.base import Value
from models.core.reasons import Reason

Item = TypeVar("Item")


class Seen(Value, Generic[Item]):
    """A complete section: what is not in it is not there."""

    seen: Literal[True] = True
    items: tuple[Item, ...]


class Unseen(Value):
    """A section that could not be read completely; it justifies no removal."""

    seen: Literal[False] = False
    reason: Reason
    message: str
