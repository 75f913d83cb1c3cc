"""What was observed of a registry, and how completely; its storage is read by itself."""

from datetime import datetime

from models.core.availability import Seen, Unseen
from models.core.base import Value
from models.core.reasons import Reason
from models.registries.condition import Verdict
from models.registries.robots import ObservedRobot
from models.registries.space import ObservedSpace

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


UNLIMITED = -1
"""Harbor's way to say that a quota has no limit."""


class SpaceStorage(Value):
    """One space's storage.

    Attributes:
        used: bytes of distinct blobs in the space.
        limit: bytes allowed, or `UNLIMITED`.
    """

    name: str
    used: int
    limit: int


class StorageReading(Value):
    """What a registry said about storage.

    Attributes:
        total: bytes used in all, shared layers counted once; None is unknown.
        spaces: per space, or why that is not known.
    """

    total: int | None = None
    spaces: Seen[SpaceStorage] | Unseen
