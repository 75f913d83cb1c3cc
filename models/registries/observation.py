"""What was seen of a registry, and how completely."""

from datetime import datetime
from typing import Generic, Literal, TypeVar

from models.access import ObservedRobot
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


NOT_ASKED = Unseen(reason=Reason.NOT_PROBED, message="not asked for")


class Snapshot(Value):
    """One look at one registry.

    Attributes:
        taken_at: when the look began (UTC).
        seconds: how long it took.
        verdicts: what it says about health.
        spaces: all spaces, or why they are not known.
        robots: all robot accounts with our installation's mark, or why they are not known.
        edits_robots: whether our credential may edit robot accounts; a robot never may.
        observer_works: whether our observer read the lists; None without one, or if untold.
    """

    registry: str
    taken_at: datetime
    seconds: float = 0.0
    verdicts: tuple[Verdict, ...] = ()
    spaces: Seen[ObservedSpace] | Unseen
    robots: Seen[ObservedRobot] | Unseen = NOT_ASKED
    edits_robots: bool = True
    observer_works: bool | None = None

    @property
    def hidden(self) -> Unseen | None:
        """The first section that was asked for and could not be read completely."""
        asked = (self.spaces, self.robots)
        found = (each for each in asked if isinstance(each, Unseen) and each != NOT_ASKED)
        return next(found, None)
