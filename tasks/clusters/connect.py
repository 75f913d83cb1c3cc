"""Open a cluster client for one run, with its kubeconfig and the client limits."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from pydantic import SecretStr

from models.clusters.cluster import Cluster
from models.core.settings import get_settings
from tasks.clusters.factory import create_cluster_client
from tasks.clusters.objects import (
    ContentCheck,
    ContentKeeper,
    FingerprintFunction,
    keep_nothing,
    recognize_nothing,
)
from tasks.clusters.protocol import ClusterClient
from tasks.http.limits import ClientLimits
from tasks.secrets.cluster_credentials import pick_kubeconfig, read_kubeconfigs


@asynccontextmanager
async def open_cluster(
    cluster: Cluster,
    *,
    fingerprint: FingerprintFunction,
    installation: str,
    is_own_content: ContentCheck = recognize_nothing,
    recorded_fingerprints: Mapping[str, str] = MappingProxyType({}),
    keep_content: ContentKeeper = keep_nothing,
    kubeconfigs: Mapping[str, SecretStr] | None = None,
) -> AsyncIterator[ClusterClient]:
    """Open one client for one cluster and one run.

    Args:
        cluster: the cluster.
        fingerprint: keyed digest of pull secret contents.
        installation: installation id, which identifies the Secrets of this installation.
        is_own_content, recorded_fingerprints, keep_content: see `SecretIdentity`.
        kubeconfigs: kubeconfigs by reference key; None reads them now.

    Raises:
        CredentialError: the kubeconfig could not be read or is not usable.
    """
    if kubeconfigs is None:
        kubeconfigs = await read_kubeconfigs([cluster])
    kubeconfig = pick_kubeconfig(cluster, kubeconfigs)
    client_limits = ClientLimits.for_cluster(get_settings())
    async with create_cluster_client(
        cluster,
        kubeconfig,
        client_limits,
        fingerprint=fingerprint,
        installation=installation,
        is_own_content=is_own_content,
        recorded_fingerprints=recorded_fingerprints,
        keep_content=keep_content,
    ) as client:
        yield client
