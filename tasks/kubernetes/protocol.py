"""What a Kubernetes cluster can do for us.

A ServiceAccount's `imagePullSecrets` is one value to the API: every kind of patch replaces the
whole list, so it is read, extended and written back under the version that was read.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

from models.cluster import ClusterSnapshot
from models.delivery import ClusterChange, ClusterOutcome


class ClusterReader(Protocol):
    """Looks at a cluster and changes nothing."""

    async def look(self, labels: Collection[str]) -> ClusterSnapshot:
        """See namespaces, pull secrets of our name and default ServiceAccounts: three lists.

        Args:
            labels: the namespace labels to keep.

        Raises:
            ClusterError: not even namespaces could be listed, and no retry helped. Another list
                that cannot be read is no error but an `Unseen` section.
        """

    async def look_at(self, namespace: str, labels: Collection[str]) -> ClusterSnapshot:
        """See the same of one namespace; a namespace that is not there is an empty section."""


class ClusterWriter(Protocol):
    """Changes a cluster."""

    async def make(self, change: ClusterChange, contents: Mapping[str, str]) -> ClusterOutcome:
        """Make one change, or find that it is already so.

        Args:
            contents: what pull secrets hold (dockerconfigjson text), by namespace.

        Raises:
            ClusterError: the change was not made.
        """


class ClusterClient(ClusterReader, ClusterWriter, Protocol):
    """Both, over one connection pool."""
