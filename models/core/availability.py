"""A section of an observation: read completely, or unavailable with a reason."""

from typing import Generic, Literal, TypeVar

from models.core.base import FrozenModel
from models.core.reasons import Reason

Item = TypeVar("Item")


class Complete(FrozenModel, Generic[Item]):
    """A complete section: an item that is not listed does not exist."""

    is_complete: Literal[True] = True
    items: tuple[Item, ...]


class Unavailable(FrozenModel):
    """A section that could not be read completely; it never justifies a removal."""

    is_complete: Literal[False] = False
    reason: Reason
    message: str
