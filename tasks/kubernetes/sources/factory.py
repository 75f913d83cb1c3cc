"""The one place that knows the kinds of sources."""

import asyncio

from models.managed import ManagedHarbor, SourceKind
from models.snapshot import Seen, Unseen
from tasks.kubernetes.http import ClusterHttp
from tasks.kubernetes.sources.helm import HelmCharts
from tasks.kubernetes.sources.operator import HarborOperator
from tasks.kubernetes.sources.protocol import Source
from tasks.kubernetes.sources.reading import Reader


def sources(http: ClusterHttp, selector: str) -> tuple[Source, ...]:
    """Make all kinds of sources of one cluster, in the order of their precedence.

    Args:
        http: sends requests.
        selector: see `HELM_SELECTOR`.
    """
    reader = Reader(http)
    return HarborOperator(reader), HelmCharts(reader, selector)


async def managed_harbors(http: ClusterHttp, selector: str) -> Seen[ManagedHarbor] | Unseen:
    """See all managed Harbors; complete only if every source is; see `ClusterReader`."""
    found = await asyncio.gather(*(one.harbors() for one in sources(http, selector)))
    harbors: list[ManagedHarbor] = []
    for each in found:
        if isinstance(each, Unseen):
            return each
        harbors += each.items
    return Seen(items=_each_once(harbors))


def _each_once(harbors: list[ManagedHarbor]) -> tuple[ManagedHarbor, ...]:
    """Leave out what another kind shows of a Harbor that the operator shows already."""
    run = {_spot(one) for one in harbors if one.place.kind is SourceKind.OPERATOR and one.address}
    return tuple(
        one for one in harbors if one.place.kind is SourceKind.OPERATOR or _spot(one) not in run
    )


def _spot(one: ManagedHarbor) -> tuple[str, str]:
    return one.place.namespace, one.address.rstrip("/").lower()
