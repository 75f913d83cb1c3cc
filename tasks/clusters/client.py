"""A Kubernetes cluster as this service uses it; a `ClusterClient`."""

from collections.abc import Collection, Mapping
from typing import assert_never

from pydantic import SecretStr

from models.clusters.cluster import ClusterSnapshot
from models.clusters.pull_secret import (
    ClusterChange,
    ClusterOutcome,
    Deliver,
    Link,
    Unlink,
    Withdraw,
)
from models.core.availability import Unseen
from models.core.labels import HELM_SELECTOR
from models.discovery.managed_harbor import SecretKey
from models.discovery.trust import SeenHarbors, Trust
from tasks.clusters.http import ClusterHttp
from tasks.clusters.objects import Fingerprint
from tasks.clusters.observe import ClusterEyes
from tasks.clusters.pull_secrets import PullSecrets
from tasks.clusters.service_accounts import Accounts
from tasks.discovery.secret_value import secret_value
from tasks.discovery.sources import managed_harbors


class KubernetesCluster:
    """Looks at a cluster and changes it.

    Args:
        http: sends requests.
        installation: whose Secrets are ours.
        fingerprint: digests what they hold.
    """

    def __init__(self, http: ClusterHttp, installation: str, fingerprint: Fingerprint) -> None:
        self._http = http
        self._eyes = ClusterEyes(http, installation, fingerprint)
        self._secrets = PullSecrets(http, self._eyes, installation, fingerprint)
        self._accounts = Accounts(http, self._eyes)

    async def look(self, labels: Collection[str]) -> ClusterSnapshot:
        """See namespaces, pull secrets and default ServiceAccounts; see `ClusterReader`."""
        return await self._eyes.look(labels)

    async def look_at(self, namespace: str, labels: Collection[str]) -> ClusterSnapshot:
        """See the same of one namespace; see `ClusterReader`."""
        return await self._eyes.look_at(namespace, labels)

    async def harbors(self, trust: Trust, selector: str = HELM_SELECTOR) -> SeenHarbors | Unseen:
        """See all managed Harbors; see `ClusterReader`."""
        return await managed_harbors(self._http, trust, selector)

    async def secret_value(self, key: SecretKey) -> SecretStr:
        """Read what a key of a Secret holds; see `ClusterReader`."""
        return await secret_value(self._http, key)

    async def make(self, change: ClusterChange, contents: Mapping[str, str]) -> ClusterOutcome:
        """Make one change, or find that it is already so; see `ClusterWriter`."""
        match change:
            case Deliver():
                return await self._secrets.deliver(change, contents[change.namespace])
            case Withdraw():
                return await self._secrets.withdraw(change)
            case Link():
                return await self._accounts.link(change)
            case Unlink():
                return await self._accounts.unlink(change)
            case _:
                assert_never(change)
