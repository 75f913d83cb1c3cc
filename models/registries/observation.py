"""What was observed of a registry, and how completely; its storage is read by itself."""

from datetime import datetime

from models.core.availability import Complete, Unavailable
from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.registries.condition import CheckResult
from models.registries.robots import ObservedRobot
from models.registries.space import ObservedSpace

NOT_REQUESTED = Unavailable(reason=Reason.NOT_PROBED, message="not asked for")


class Snapshot(FrozenModel):
    """One look at one registry.

    Attributes:
        observed_at: when the look began (UTC).
        seconds: how long it took.
        checks: what it says about health.
        spaces: all spaces, or why they are not known.
        robots: all robot accounts with our installation's mark, or why they are not known.
        can_update_robots: whether our credential may edit robot accounts; a robot never may.
        observer_usable: whether our observer read the lists; None without one, or if untold.
    """

    registry: str
    observed_at: datetime
    seconds: float = 0.0
    checks: tuple[CheckResult, ...] = ()
    spaces: Complete[ObservedSpace] | Unavailable
    robots: Complete[ObservedRobot] | Unavailable = NOT_REQUESTED
    can_update_robots: bool = True
    observer_usable: bool | None = None

    @property
    def first_unavailable(self) -> Unavailable | None:
        """The first section that was asked for and could not be read completely."""
        sections = (self.spaces, self.robots)
        unavailable = (
            section
            for section in sections
            if isinstance(section, Unavailable) and section != NOT_REQUESTED
        )
        return next(unavailable, None)


UNLIMITED = -1
"""Harbor's way to say that a quota has no limit."""


class SpaceStorage(FrozenModel):
    """One space's storage.

    Attributes:
        used: bytes of distinct blobs in the space.
        limit: bytes allowed, or `UNLIMITED`.
    """

    name: str
    used: int
    limit: int


class StorageReading(FrozenModel):
    """What a registry said about storage.

    Attributes:
        total: bytes used in all, shared layers counted once; None is unknown.
        spaces: per space, or why that is not known.
    """

    total: int | None = None
    spaces: Complete[SpaceStorage] | Unavailable
