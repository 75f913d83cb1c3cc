"""What a Kubernetes cluster can do for us.

A ServiceAccount's `imagePullSecrets` is one value to the API: every kind of patch replaces the
whole list, so it is read, extended and written back under the version that was read.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

from pydantic import SecretStr

from models.clusters.cluster import ClusterSnapshot
from models.clusters.pull_secret import ClusterChange, ClusterChangeResult
from models.core.availability import Unavailable
from models.core.labels import HELM_SELECTOR
from models.discovery.managed_harbor import SecretKeyRef
from models.discovery.trust import CompleteHarbors, DiscoveryTrust


class ClusterReader(Protocol):
    """Looks at a cluster and changes nothing."""

    async def observe(self, labels: Collection[str]) -> ClusterSnapshot:
        """See namespaces, pull secrets of our name and default ServiceAccounts: three lists.

        Args:
            labels: the namespace labels to keep.

        Raises:
            ClusterError: not even namespaces could be listed, and no retry helped. Another list
                that cannot be read is no error but an `Unavailable` section.
        """

    async def observe_namespace(self, namespace: str, labels: Collection[str]) -> ClusterSnapshot:
        """See the same of one namespace; a namespace that is not there is an empty section."""

    async def list_harbors(
        self, trust: DiscoveryTrust, selector: str = HELM_SELECTOR
    ) -> CompleteHarbors | Unavailable:
        """See all managed Harbors, of every kind.

        That takes five lists, the one of what is served included, and a GET for each chart's
        release that is trusted, of the ConfigMap with its address.

        Args:
            trust: whose objects are read; of others it is only told that they are there.
            selector: which Deployments are a chart's Harbor core, see `HELM_SELECTOR`.

        Returns:
            All of them; or why one kind cannot be read completely, then nothing may be concluded.
            A Harbor that is half made, or not to be read alone, is there with what is known of it.
        """

    async def read_secret_key(self, key: SecretKeyRef) -> SecretStr:
        """Read what a key of a Secret holds, exactly as it is there.

        Raises:
            ClusterError: there is no such Secret or key (NotFound), it may not be read (Forbidden,
                and the missing right is named), or it is no text. Never with what it holds.
        """


class ClusterWriter(Protocol):
    """Changes a cluster."""

    async def apply_change(
        self, change: ClusterChange, contents: Mapping[str, str]
    ) -> ClusterChangeResult:
        """Make one change, or find that it is already so.

        Args:
            contents: what pull secrets hold (dockerconfigjson text), by namespace.

        Raises:
            ClusterError: the change was not made.
        """


class ClusterClient(ClusterReader, ClusterWriter, Protocol):
    """Both, over one connection pool."""
