"""Interfaces of a Kubernetes cluster client."""

from collections.abc import Collection, Mapping, Set
from typing import Protocol

from pydantic import SecretStr

from models.clusters.cluster import (
    ClusterRight,
    ClusterSnapshot,
    ObservedPod,
    ObservedServiceAccount,
)
from models.clusters.pull_secret import ClusterChange, ClusterChangeResult
from models.core.availability import Complete, Unavailable
from models.core.labels import HELM_SELECTOR
from models.discovery.managed_harbor import SecretKeyRef
from models.discovery.observation import ClusterHarbors
from models.discovery.trust import DiscoveryTrust


class ClusterReader(Protocol):
    """Reads a cluster without changing it."""

    async def observe(
        self, labels: Collection[str], account_labels: Set[str] | None = None
    ) -> ClusterSnapshot:
        """Observe namespaces, pull secrets and ServiceAccounts with three lists.

        If all ServiceAccounts may not be listed, the default ones are, with one more list.

        Args:
            labels: keys of the namespace labels to keep.
            account_labels: keys of the labels of all ServiceAccounts to keep; None to list only the
                default ServiceAccounts.

        Raises:
            RemoteError: the namespaces could not be listed, even after retries. Another list that
                could not be read is an `Unavailable` section instead.
        """

    async def observe_namespace(self, namespace: str, labels: Collection[str]) -> ClusterSnapshot:
        """Observe one namespace; a missing namespace is an empty section.

        Args:
            namespace: name of the namespace.
            labels: keys of the namespace labels to keep.

        Raises:
            RemoteError: the namespace could not be listed, see `observe`.
        """

    async def observe_service_accounts(
        self, namespace: str, name: str = "", account_labels: Set[str] = frozenset()
    ) -> Complete[ObservedServiceAccount] | Unavailable:
        """Observe one ServiceAccount, or all of a namespace if `name` is empty.

        Args:
            namespace: name of the namespace.
            name: name of the ServiceAccount; a missing one is an empty section.
            account_labels: keys of the labels to keep.
        """

    async def observe_pod(self, namespace: str, name: str) -> Complete[ObservedPod] | Unavailable:
        """Observe one pod; a missing pod is an empty section.

        This needs the right to get pods, which nothing else needs.
        """

    async def read_uid(self) -> str:
        """Read the identity of the cluster; empty if its namespace kube-system is not listed.

        Raises:
            RemoteError: the namespace could not be listed.
        """

    async def find_missing_rights(
        self, rights: Collection[ClusterRight]
    ) -> Complete[ClusterRight] | Unavailable:
        """Ask the cluster which rights are not granted in all namespaces, with a request for each.

        Returns:
            The missing rights; unavailable if the cluster did not answer.
        """

    async def list_harbors(
        self, trust: DiscoveryTrust, selector: str = HELM_SELECTOR
    ) -> ClusterHarbors | Unavailable:
        """List the managed Harbors of every kind.

        Takes five lists (including the API groups), and one GET of the ConfigMap with the address
        per trusted Helm release.

        Args:
            trust: which objects are trusted; the others are listed without details.
            selector: label selectors of the core Deployments of a chart, see `HELM_SELECTOR`.

        Returns:
            The managed Harbors; a kind that could not be read completely in time is in its
            `unavailable`. Unavailable as a whole if the namespaces could not be read. A Harbor that
            is incomplete, or cannot be read on its own, is listed with the available details.
        """

    async def read_secret_key(self, key: SecretKeyRef) -> SecretStr:
        """Read the value of a key of a Secret, unchanged.

        Raises:
            RemoteError: the Secret or key does not exist (reason NotFound), may not be read
                (reason Forbidden, with the missing right), or is not UTF-8 text. The message never
                contains the value.
        """


class ClusterWriter(Protocol):
    """Writes to a cluster."""

    async def apply_change(
        self, change: ClusterChange, contents: Mapping[str, str]
    ) -> ClusterChangeResult:
        """Apply one change; a change that is already in effect is a success.

        Args:
            change: the change.
            contents: dockerconfigjson texts by namespace.

        Raises:
            RemoteError: the change was not applied.
        """


class ClusterClient(ClusterReader, ClusterWriter, Protocol):
    """Reader and writer over one connection pool."""
