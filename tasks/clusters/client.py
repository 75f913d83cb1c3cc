"""Client of a Kubernetes cluster; implements `ClusterClient`."""

from collections.abc import Collection, Mapping, Set
from typing import assert_never

from pydantic import SecretStr

from models.clusters.cluster import (
    ClusterRight,
    ClusterSnapshot,
    ObservedPod,
    ObservedServiceAccount,
)
from models.clusters.pull_secret import (
    AddImagePullSecret,
    ClusterChange,
    ClusterChangeResult,
    DeleteSecret,
    RemoveImagePullSecret,
    WriteSecret,
)
from models.core.availability import Complete, Unavailable
from models.core.labels import HELM_SELECTOR
from models.discovery.managed_harbor import SecretKeyRef
from models.discovery.observation import ClusterHarbors
from models.discovery.trust import DiscoveryTrust
from tasks.clusters.objects import SecretIdentity
from tasks.clusters.observe import ClusterObserver
from tasks.clusters.pull_secrets import PullSecretWriter
from tasks.clusters.rights import find_missing_rights
from tasks.clusters.service_accounts import ServiceAccountWriter
from tasks.discovery.secret_value import read_secret_key
from tasks.discovery.sources import list_managed_harbors
from tasks.http.client import HttpClient


class KubernetesClient:
    """Client of one Kubernetes cluster.

    Args:
        http: HTTP client of the cluster.
        identity: what identifies the Secrets of this installation.
    """

    def __init__(self, http: HttpClient, identity: SecretIdentity) -> None:
        self._http = http
        self._observer = ClusterObserver(http, identity)
        self._pull_secrets = PullSecretWriter(http, self._observer, identity)
        self._service_accounts = ServiceAccountWriter(http, self._observer)

    async def observe(
        self, labels: Collection[str], account_labels: Set[str] | None = None
    ) -> ClusterSnapshot:
        """Observe namespaces, pull secrets and ServiceAccounts; see `ClusterReader`."""
        return await self._observer.observe(labels, account_labels)

    async def observe_namespace(self, namespace: str, labels: Collection[str]) -> ClusterSnapshot:
        """Observe one namespace; see `ClusterReader`."""
        return await self._observer.observe_namespace(namespace, labels)

    async def observe_service_accounts(
        self, namespace: str, name: str = "", account_labels: Set[str] = frozenset()
    ) -> Complete[ObservedServiceAccount] | Unavailable:
        """Observe ServiceAccounts of one namespace; see `ClusterReader`."""
        return await self._observer.observe_service_accounts(namespace, name, account_labels)

    async def observe_pod(self, namespace: str, name: str) -> Complete[ObservedPod] | Unavailable:
        """Observe one pod; see `ClusterReader`."""
        return await self._observer.observe_pod(namespace, name)

    async def read_uid(self) -> str:
        """Read the identity of the cluster; see `ClusterReader`."""
        return await self._observer.read_uid()

    async def find_missing_rights(
        self, rights: Collection[ClusterRight]
    ) -> Complete[ClusterRight] | Unavailable:
        """Ask the cluster which rights are missing; see `ClusterReader`."""
        return await find_missing_rights(self._http, rights)

    async def list_harbors(
        self, trust: DiscoveryTrust, selector: str = HELM_SELECTOR
    ) -> ClusterHarbors | Unavailable:
        """List managed Harbors; see `ClusterReader`."""
        return await list_managed_harbors(self._http, trust, selector)

    async def read_secret_key(self, key: SecretKeyRef) -> SecretStr:
        """Read the value of a key of a Secret; see `ClusterReader`."""
        return await read_secret_key(self._http, key)

    async def apply_change(
        self, change: ClusterChange, contents: Mapping[str, str]
    ) -> ClusterChangeResult:
        """Apply one change; see `ClusterWriter`."""
        match change:
            case WriteSecret():
                return await self._pull_secrets.write(change, contents[change.namespace])
            case DeleteSecret():
                return await self._pull_secrets.delete(change)
            case AddImagePullSecret():
                return await self._service_accounts.add_pull_secret(change)
            case RemoveImagePullSecret():
                return await self._service_accounts.remove_pull_secret(change)
            case _:
                assert_never(change)
