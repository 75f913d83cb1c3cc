"""What was seen of a registry, and how completely."""

from datetime import datetime
from typing import Generic, Literal, TypeVar

from models.base import Value
from models.condition import Verdict
from models.reason import Reason
from models.space import ObservedSpace

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


class Snapshot(Value):
    """One look at one registry.

    Attributes:
        taken_at: when the look began (UTC).
        seconds: how long it took.
        verdicts: what it says about health.
        spaces: all spaces, or why they are not known.
    """

    registry: str
    taken_at: datetime
    seconds: float = 0.0
    verdicts: tuple[Verdict, ...] = ()
    spaces: Seen[ObservedSpace] | Unseen
