"""Managed Harbors of Helm charts: goharbor's and bitnami's.

A Harbor is found by its core Deployment, which refers to the ConfigMap with the address; the
ConfigMap is then read by name. Listing ConfigMaps instead would double the number of lists, require
the right to read all ConfigMaps, and make the API server scan all of them every minute. Also,
goharbor's chart does not label the ConfigMap of the core as such.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable

from models.core.availability import Complete, Unavailable
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.discovery.managed_harbor import HarborPhase, HarborRef, HarborSourceKind, ManagedHarbor
from tasks.discovery.core_selector import CoreSelector, parse_selectors
from tasks.discovery.helm_chart import (
    ADDRESS_VARIABLE,
    PASSWORD_VARIABLE,
    ConfigMap,
    CoreDeployment,
)
from tasks.discovery.objects import ObjectReader, ResourcePath, complete_or_unavailable
from tasks.discovery.protocol import IsTrusted


class HelmHarborSource:
    """Lists the Harbors of Helm charts by their core Deployments; see `HarborSource`.

    The core Deployment identifies the Harbor: it exists for the whole life of a release, including
    upgrades, and refers to everything else.

    Args:
        reader: reads the cluster.
        selector: label selectors of core Deployments, see `parse_selectors`.
        is_trusted: which Deployments are listed with details; their ConfigMaps are read.
    """

    def __init__(self, reader: ObjectReader, selector: str, is_trusted: IsTrusted) -> None:
        self._reader, self._is_trusted = reader, is_trusted
        self._selectors = parse_selectors(selector)

    async def list_harbors(self) -> Complete[ManagedHarbor] | Unavailable:
        """List the Harbors of all charts; see `HarborSource`."""
        return await complete_or_unavailable(self._list_all())

    async def _list_all(self) -> list[ManagedHarbor]:
        placements = _assign_refs(self._reader.cluster, await self._list_deployments())
        return list(
            await asyncio.gather(
                *(self._to_managed_harbor(ref, deployment) for ref, deployment in placements)
            )
        )

    async def _list_deployments(self) -> list[CoreDeployment]:
        lists = await asyncio.gather(
            *(self._list_matching(selector) for selector in self._selectors)
        )
        deployments = {
            deployment.metadata.uid: deployment
            for deployment_list in lists
            for deployment in deployment_list
        }
        return sorted(
            deployments.values(),
            key=lambda deployment: (deployment.metadata.namespace, deployment.metadata.name),
        )

    async def _list_matching(self, selector: CoreSelector) -> list[CoreDeployment]:
        resource = ResourcePath("apis/apps/v1", "deployments")
        try:
            deployments = await self._reader.list_objects(
                resource, CoreDeployment, {"labelSelector": selector.label_selector}
            )
        except RemoteError as error:
            if error.reason is not Reason.REJECTED:
                raise
            message = f'{error.message}: check the label selector "{selector.label_selector}"'
            raise RemoteError(error.target, "GET", resource.path, message, error.reason) from error
        return [
            deployment for deployment in deployments if selector.matches(deployment.metadata.labels)
        ]

    async def _to_managed_harbor(self, ref: HarborRef, deployment: CoreDeployment) -> ManagedHarbor:
        if not self._is_trusted(ref, deployment.metadata.uid):
            return ManagedHarbor(ref=ref, uid=deployment.metadata.uid)
        address, address_error = await self._read_address(deployment)
        phase = (
            HarborPhase.PROVISIONING
            if deployment.phase is HarborPhase.READY and not address
            else deployment.phase
        )
        return ManagedHarbor(
            ref=ref,
            uid=deployment.metadata.uid,
            address=address,
            version=deployment.version,
            phase=phase,
            password=deployment.password,
            ca_secret=deployment.ca_secret if address.lower().startswith("https:") else None,
            message=deployment.problem or address_error or _missing_requirement(deployment),
        )

    async def _read_address(self, deployment: CoreDeployment) -> tuple[str, str]:
        # Returns the address and an error message, one of them empty. A forbidden ConfigMap is an
        # error of this Harbor only, not of the whole list.
        if deployment.address:
            return deployment.address, ""
        for name, key in deployment.address_config_maps:
            resource = ResourcePath("api/v1", "configmaps", deployment.metadata.namespace, name)
            try:
                config_map = await self._reader.get_object(resource, ConfigMap)
            except RemoteError as error:
                if error.reason is Reason.NOT_FOUND:
                    continue
                if error.reason is Reason.FORBIDDEN:
                    return "", error.message
                raise
            address = (config_map.data or {}).get(key, "")
            if address:
                return address, ""
        names = ", ".join(name for name, _ in deployment.address_config_maps)
        return "", f"the ConfigMap of the core ({names or 'none'}) has no {ADDRESS_VARIABLE} yet"


def _assign_refs(
    cluster: str, deployments: Iterable[CoreDeployment]
) -> list[tuple[HarborRef, CoreDeployment]]:
    # A Harbor is named after its release; after its Deployment if the release has several Harbors.
    deployments = list(deployments)
    counts = Counter(
        (deployment.metadata.namespace, deployment.release) for deployment in deployments
    )
    return [
        (
            HarborRef(
                cluster=cluster,
                namespace=deployment.metadata.namespace,
                name=deployment.release
                if counts[deployment.metadata.namespace, deployment.release] == 1
                else deployment.metadata.name,
                kind=HarborSourceKind.HELM,
            ),
            deployment,
        )
        for deployment in deployments
    ]


def _missing_requirement(deployment: CoreDeployment) -> str:
    if deployment.password is not None:
        return ""
    name = deployment.metadata.name
    return f"the Deployment {name} does not read {PASSWORD_VARIABLE} from a Secret"
