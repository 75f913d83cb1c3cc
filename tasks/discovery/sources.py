"""List the managed Harbors of a cluster from all sources."""

import asyncio
from collections.abc import Iterable
from functools import partial

from models.clusters.cluster import IDENTITY_NAMESPACE
from models.core.availability import Complete, Unavailable
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.discovery.managed_harbor import HarborSourceKind, ManagedHarbor
from models.discovery.observation import ClusterHarbors
from models.discovery.trust import (
    MANAGED_LABEL,
    MANAGED_LABEL_VALUE,
    DiscoveryTrust,
)
from tasks.clusters.objects import NamespaceObject
from tasks.concurrency import Deadline, DeadlineExceeded
from tasks.discovery.harbor_operator import OperatorHarborSource
from tasks.discovery.helm import HelmHarborSource
from tasks.discovery.objects import ObjectReader, ResourcePath
from tasks.discovery.protocol import HarborSource, IsTrusted
from tasks.http.client import HttpClient


def make_sources(
    reader: ObjectReader, selector: str, is_trusted: IsTrusted
) -> dict[HarborSourceKind, HarborSource]:
    """Return all sources of one cluster; the first has precedence.

    Args:
        reader: reads the cluster.
        selector: label selectors of core Deployments, see `HELM_SELECTOR`.
        is_trusted: which objects are listed with details.
    """
    return {
        HarborSourceKind.OPERATOR: OperatorHarborSource(reader, is_trusted),
        HarborSourceKind.HELM: HelmHarborSource(reader, selector, is_trusted),
    }


async def list_managed_harbors(
    http: HttpClient, trust: DiscoveryTrust, selector: str
) -> ClusterHarbors | Unavailable:
    """List the managed Harbors of all sources; see `ClusterReader`.

    Returns:
        The managed Harbors of all sources that could be read completely; unavailable if the
        namespaces could not.
    """
    reader = ObjectReader(http)
    deadline = Deadline("the discovery", http.limits.operation_seconds)
    try:
        namespaces = await deadline.run(
            reader.list_objects(ResourcePath("api/v1", "namespaces"), NamespaceObject)
        )
    except RemoteError as error:
        return Unavailable(reason=error.reason, message=error.message)
    except DeadlineExceeded as timeout:
        return Unavailable(reason=Reason.TIMED_OUT, message=str(timeout))
    marked_namespaces = frozenset(
        namespace.metadata.name for namespace in namespaces if _is_marked(namespace)
    )
    is_trusted = partial(trust.covers, marked=marked_namespaces)
    sources = make_sources(reader, selector, is_trusted)
    results = await asyncio.gather(*(_list(source, deadline) for source in sources.values()))
    complete = [result.items for result in results if isinstance(result, Complete)]
    return ClusterHarbors(
        items=_deduplicate([harbor for items in complete for harbor in items]),
        namespaces=frozenset(namespace.metadata.name for namespace in namespaces),
        marked_namespaces=marked_namespaces,
        cluster_uid=_cluster_uid(namespaces),
        unavailable={
            kind: result
            for kind, result in zip(sources, results, strict=True)
            if isinstance(result, Unavailable)
        },
    )


async def _list(source: HarborSource, deadline: Deadline) -> Complete[ManagedHarbor] | Unavailable:
    # A source that hangs must not hide the Harbors of another one.
    try:
        return await deadline.run(source.list_harbors())
    except DeadlineExceeded as timeout:
        return Unavailable(reason=Reason.TIMED_OUT, message=str(timeout))


def _cluster_uid(namespaces: Iterable[NamespaceObject]) -> str:
    uids = {namespace.metadata.name: namespace.metadata.uid for namespace in namespaces}
    return uids.get(IDENTITY_NAMESPACE, "")


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
