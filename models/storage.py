"""Storage figures. Unknown, zero and unlimited are three things."""

from models.base import Value
from models.snapshot import Seen, Unseen

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
