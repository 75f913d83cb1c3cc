"""What tells of managed Harbors in a cluster."""

from collections.abc import Callable
from typing import Protocol

from models.core.availability import Seen, Unseen
from models.discovery.managed_harbor import ManagedHarbor, Place

IsTrusted = Callable[[Place, str], bool]
"""Whether an object, by its place and uid, is read further: of others nothing but that is told."""


class Source(Protocol):
    """One way in which Harbors are run in a cluster; each kind has a file of its own."""

    async def harbors(self) -> Seen[ManagedHarbor] | Unseen:
        """See all of its Harbors in the cluster, or why that cannot be.

        What runs them need not be installed: then there are none.
        """
