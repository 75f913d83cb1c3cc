"""What tells of managed Harbors in a cluster."""

from typing import Protocol

from models.managed import ManagedHarbor, SourceKind
from models.snapshot import Seen, Unseen


class Source(Protocol):
    """One way in which Harbors are run in a cluster; each kind has a file of its own."""

    @property
    def kind(self) -> SourceKind:
        """What its Harbors' places say."""

    async def harbors(self) -> Seen[ManagedHarbor] | Unseen:
        """See all of its Harbors in the cluster, or why that cannot be.

        What runs them need not be installed: then there are none.
        """

    async def harbor(self, namespace: str, name: str) -> ManagedHarbor | None:
        """See one of them; None if it is not there.

        Raises:
            ClusterError: it could not be read.
        """
