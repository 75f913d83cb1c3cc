"""List the managed Harbors of a cluster from all sources."""

import asyncio
from functools import partial

from models.core.availability import Unavailable
from models.core.errors import RemoteError
from models.discovery.managed_harbor import HarborSourceKind, ManagedHarbor
from models.discovery.trust import (
    MANAGED_LABEL,
    MANAGED_LABEL_VALUE,
    CompleteHarbors,
    DiscoveryTrust,
)
from tasks.clusters.objects import NamespaceObject
from tasks.discovery.harbor_operator import OperatorHarborSource
from tasks.discovery.helm import HelmHarborSource
from tasks.discovery.objects import ObjectReader, ResourcePath
from tasks.discovery.protocol import HarborSource, IsTrusted
from tasks.http.client import HttpClient


def make_sources(
    reader: ObjectReader, selector: str, is_trusted: IsTrusted
) -> tuple[HarborSource, ...]:
    """Return all sources of one cluster.

    Args:
        reader: reads the cluster.
        selector: label selectors of core Deployments, see `HELM_SELECTOR`.
        is_trusted: which objects are listed with details.
    """
    return OperatorHarborSource(reader, is_trusted), HelmHarborSource(reader, selector, is_trusted)


async def list_managed_harbors(
    http: HttpClient, trust: DiscoveryTrust, selector: str
) -> CompleteHarbors | Unavailable:
    """List the managed Harbors of all sources; see `ClusterReader`.

    Returns:
        All managed Harbors; unavailable if the namespaces or any source could not be read
        completely.
    """
    reader = ObjectReader(http)
    try:
        namespaces = await reader.list_objects(
            ResourcePath("api/v1", "namespaces"), NamespaceObject
        )
    except RemoteError as error:
        return Unavailable(reason=error.reason, message=error.message)
    marked_namespaces = frozenset(
        namespace.metadata.name for namespace in namespaces if _is_marked(namespace)
    )
    is_trusted = partial(trust.covers, marked=marked_namespaces)
    results = await asyncio.gather(
        *(source.list_harbors() for source in make_sources(reader, selector, is_trusted))
    )
    harbors: list[ManagedHarbor] = []
    for result in results:
        if isinstance(result, Unavailable):
            return result
        harbors += result.items
    return CompleteHarbors(
        items=_deduplicate(harbors),
        namespaces=frozenset(namespace.metadata.name for namespace in namespaces),
        marked_namespaces=marked_namespaces,
    )


def _is_marked(namespace: NamespaceObject) -> bool:
    return namespace.metadata.labels.get(MANAGED_LABEL) == MANAGED_LABEL_VALUE


def _deduplicate(harbors: list[ManagedHarbor]) -> tuple[ManagedHarbor, ...]:
    # harbor-operator may install the chart: then only its HarborCluster is listed.
    operator_harbors = {
        _identity(harbor)
        for harbor in harbors
        if harbor.ref.kind is HarborSourceKind.OPERATOR and harbor.address
    }
    return tuple(
        harbor
        for harbor in harbors
        if harbor.ref.kind is HarborSourceKind.OPERATOR or _identity(harbor) not in operator_harbors
    )


def _identity(harbor: ManagedHarbor) -> tuple[str, str]:
    return harbor.ref.namespace, harbor.address.rstrip("/").lower()
