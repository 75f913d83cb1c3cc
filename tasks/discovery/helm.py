"""Harbors that Helm charts made: goharbor's and bitnami's.

Found by their core Deployment, which names the ConfigMap with the address: that is then got by its
name. To list ConfigMaps instead would cost the same selectors a second time, need the right to read
every ConfigMap, and let the API server go through all of them each minute; and goharbor's chart
does not label its core's ConfigMap as the core's.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable

from models.core.availability import Seen, Unseen
from models.core.errors import ClusterError
from models.core.reasons import Reason
from models.discovery.managed_harbor import ManagedHarbor, Phase, Place, SourceKind
from tasks.discovery.helm_chart import ADDRESS, PASSWORD, ConfigMap, CoreDeployment
from tasks.discovery.objects import Reader, Where, seen_or_not
from tasks.discovery.protocol import IsTrusted


class HelmCharts:
    """Looks for charts' core Deployments; a `Source`.

    The Deployment stands for the Harbor: it is there from the first to the last, through upgrades
    too, and all else is found from it.

    Args:
        reader: reads the cluster.
        selector: label selectors of core Deployments, separated by `;`; each costs one list.
        is_trusted: whose ConfigMaps are read.
    """

    def __init__(self, reader: Reader, selector: str, is_trusted: IsTrusted) -> None:
        self._reader, self._is_trusted = reader, is_trusted
        self._selectors = [one for one in map(str.strip, selector.split(";")) if one]

    async def harbors(self) -> Seen[ManagedHarbor] | Unseen:
        """See all of them; see `Source`."""
        return await seen_or_not(self._all())

    async def _all(self) -> list[ManagedHarbor]:
        placed = _placed(self._reader.cluster, await self._deployments())
        return list(await asyncio.gather(*(self._managed(place, one) for place, one in placed)))

    async def _deployments(self) -> list[CoreDeployment]:
        lists = await asyncio.gather(*(self._listed(one) for one in self._selectors))
        found = {one.metadata.uid: one for each in lists for one in each}
        return sorted(found.values(), key=lambda one: (one.metadata.namespace, one.metadata.name))

    async def _listed(self, selector: str) -> list[CoreDeployment]:
        where = Where("apis/apps/v1", "deployments")
        try:
            return await self._reader.listed(where, CoreDeployment, {"labelSelector": selector})
        except ClusterError as error:
            if error.reason is not Reason.REJECTED:
                raise
            said = f'{error.said}: is the label selector "{selector}" sound?'
            raise ClusterError(error.cluster, "GET", where.path, said, error.reason) from error

    async def _managed(self, place: Place, one: CoreDeployment) -> ManagedHarbor:
        if not self._is_trusted(place, one.metadata.uid):
            return ManagedHarbor(place=place, uid=one.metadata.uid)
        address, unknown = await self._address(one)
        phase = Phase.PROVISIONING if one.phase is Phase.READY and not address else one.phase
        return ManagedHarbor(
            place=place,
            uid=one.metadata.uid,
            address=address,
            version=one.version,
            phase=phase,
            password=one.password,
            authority=one.authority if address.lower().startswith("https:") else None,
            message=one.trouble or unknown or _lacking(one),
        )

    async def _address(self, one: CoreDeployment) -> tuple[str, str]:
        """Read the address, or say why it is not known.

        That one Harbor's ConfigMap may not be read, says nothing about the others.
        """
        if one.address:
            return one.address, ""
        for name, key in one.configs:
            where = Where("api/v1", "configmaps", one.metadata.namespace, name)
            try:
                found = await self._reader.got(where, ConfigMap)
            except ClusterError as error:
                if error.reason is Reason.NOT_FOUND:
                    continue
                if error.reason is Reason.FORBIDDEN:
                    return "", error.said
                raise
            address = (found.data or {}).get(key, "")
            if address:
                return address, ""
        named = ", ".join(name for name, _ in one.configs)
        return "", f"the core's ConfigMap ({named or 'it names none'}) has no {ADDRESS} yet"


def _placed(cluster: str, found: Iterable[CoreDeployment]) -> list[tuple[Place, CoreDeployment]]:
    """Give each its place: its release's name, or its own where a release has several Harbors."""
    found = list(found)
    several = Counter((one.metadata.namespace, one.release) for one in found)
    return [
        (
            Place(
                cluster=cluster,
                namespace=one.metadata.namespace,
                name=one.release
                if several[one.metadata.namespace, one.release] == 1
                else one.metadata.name,
                kind=SourceKind.HELM,
            ),
            one,
        )
        for one in found
    ]


def _lacking(one: CoreDeployment) -> str:
    if one.password is not None:
        return ""
    return f"the Deployment {one.metadata.name} takes {PASSWORD} from no Secret"
