"""The one place that knows the kinds of sources."""

import asyncio
from functools import partial

from models.core.availability import Unseen
from models.core.errors import ClusterError
from models.discovery.managed_harbor import ManagedHarbor, SourceKind
from models.discovery.trust import MANAGED_LABEL, MANAGED_LABEL_VALUE, SeenHarbors, Trust
from tasks.clusters.http import ClusterHttp
from tasks.clusters.objects import Namespace
from tasks.discovery.harbor_operator import HarborOperator
from tasks.discovery.helm import HelmCharts
from tasks.discovery.objects import Reader, Where
from tasks.discovery.protocol import IsTrusted, Source


def sources(reader: Reader, selector: str, is_trusted: IsTrusted) -> tuple[Source, ...]:
    """Make all kinds of sources of one cluster, in the order of their precedence.

    Args:
        reader: reads the cluster.
        selector: see `HELM_SELECTOR`.
        is_trusted: whose objects are read further.
    """
    return HarborOperator(reader, is_trusted), HelmCharts(reader, selector, is_trusted)


async def managed_harbors(http: ClusterHttp, trust: Trust, selector: str) -> SeenHarbors | Unseen:
    """See all managed Harbors; complete only if every source is; see `ClusterReader`."""
    reader = Reader(http)
    try:
        namespaces = await reader.listed(Where("api/v1", "namespaces"), Namespace)
    except ClusterError as error:
        return Unseen(reason=error.reason, message=error.said)
    marked = frozenset(one.metadata.name for one in namespaces if _is_marked(one))
    is_trusted = partial(trust.covers, marked=marked)
    found = await asyncio.gather(*(one.harbors() for one in sources(reader, selector, is_trusted)))
    harbors: list[ManagedHarbor] = []
    for each in found:
        if isinstance(each, Unseen):
            return each
        harbors += each.items
    return SeenHarbors(
        items=_each_once(harbors),
        namespaces=frozenset(one.metadata.name for one in namespaces),
        marked=marked,
    )


def _is_marked(namespace: Namespace) -> bool:
    return namespace.metadata.labels.get(MANAGED_LABEL) == MANAGED_LABEL_VALUE


def _each_once(harbors: list[ManagedHarbor]) -> tuple[ManagedHarbor, ...]:
    """Leave out what another kind shows of a Harbor that the operator shows already."""
    run = {_spot(one) for one in harbors if one.place.kind is SourceKind.OPERATOR and one.address}
    return tuple(
        one for one in harbors if one.place.kind is SourceKind.OPERATOR or _spot(one) not in run
    )


def _spot(one: ManagedHarbor) -> tuple[str, str]:
    return one.place.namespace, one.address.rstrip("/").lower()
