"""What tells of managed Harbors in a cluster."""

from typing import Protocol

from models.managed import ManagedHarbor
from models.snapshot import Seen, Unseen


class Source(Protocol):
    """One way in which Harbors are run in a cluster; each kind has a file of its own."""

    async def harbors(self) -> Seen[ManagedHarbor] | Unseen:
        """See all of its Harbors in the cluster, or why that cannot be.

        What runs them need not be installed: then there are none.
        """
