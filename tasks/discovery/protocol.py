"""Interface of the sources of managed Harbors."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from models.core.availability import Complete, Unavailable
from models.discovery.managed_harbor import HarborRef, ManagedHarbor

IsTrusted = Callable[[HarborRef, str], bool]
"""Returns whether an object (reference, uid) is trusted; others are listed without details."""


class HarborSource(Protocol):
    """One way to run Harbors in a cluster, for example an operator or a Helm chart."""

    def list_harbors(self) -> Coroutine[Any, Any, Complete[ManagedHarbor] | Unavailable]:
        """List all Harbors of this source in the cluster.

        Returns:
            All Harbors, none if the source is not installed; unavailable if they could not be
            listed completely.
        """
