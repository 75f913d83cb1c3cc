"""What tells of managed Harbors in a cluster."""

from collections.abc import Callable
from typing import Protocol

from models.core.availability import Complete, Unavailable
from models.discovery.managed_harbor import HarborRef, ManagedHarbor

IsTrusted = Callable[[HarborRef, str], bool]
"""Whether an object, by its place and uid, is read further: of others nothing but that is told."""


class HarborSource(Protocol):
    """One way in which Harbors are run in a cluster; each kind has a file of its own."""

    async def list_harbors(self) -> Complete[ManagedHarbor] | Unavailable:
        """See all of its Harbors in the cluster, or why that cannot be.

        What runs them need not be installed: then there are none.
        """
