"""A managed Harbor as a cluster shows it: the objects that a chart or an operator leaves there.

They stand for the Harbor that the environment names. No Pod is run: the Deployment's finds no
node, and nothing of the operator need be there but its kind.
"""

import base64
import os
from dataclasses import dataclass, field
from typing import Protocol

from deployments.simulators.kubernetes.harbors.charts import PASSWORD_VARIABLE, HelmRelease
from deployments.simulators.kubernetes.harbors.schema import REQUIRED_SERVICES
from deployments.simulators.kubernetes.object_store import (
    CONFIG_MAP_RESOURCE,
    DEPLOYMENT_RESOURCE,
    HARBOR_CLUSTER_RESOURCE,
    SECRET_RESOURCE,
)
from tests.live.clusters import Content, LiveCluster

NAME = "harbor"
"""Of the release and the HarborCluster; rbac-harbors.yaml has the names of what belongs to it."""

_OTHER_SECRET = "harbor-core-envvars"
"""Where the password is after it was moved; rbac-harbors.yaml has this name too."""


_STUCK_CONDITION = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


class LiveManagedHarbor(Protocol):
    """A way in which Harbors are run."""

    async def create(self) -> None: ...

    async def move_password(self) -> None: ...

    async def recreate(self) -> None: ...

    async def delete(self) -> None: ...


@dataclass
class HelmHarbor:
    """A release of goharbor's chart."""

    cluster: LiveCluster
    namespace: str
    url: str
    password: str
    release: HelmRelease = field(init=False)

    def __post_init__(self) -> None:
        self.release = HelmRelease(self.namespace, NAME, "goharbor", "2.11.1")

    async def create(self) -> None:
        """Install it."""
        await self.cluster.create_object(CONFIG_MAP_RESOURCE, self.release.config_map(self.url))
        name = self.release.variables_name
        await self.cluster.create_object(
            SECRET_RESOURCE, _secret(self.namespace, name, PASSWORD_VARIABLE, self.password)
        )
        await self._install_core()

    async def move_password(self) -> None:
        """Let its password be in another Secret."""
        await self.cluster.create_object(
            SECRET_RESOURCE, _secret(self.namespace, _OTHER_SECRET, "moved", self.password)
        )
        core = self._core()
        ref = {"name": _OTHER_SECRET, "key": "moved"}
        core["spec"]["template"]["spec"]["containers"][0]["env"] = [
            {"name": PASSWORD_VARIABLE, "valueFrom": {"secretKeyRef": ref}}
        ]
        patch = {"spec": {"template": core["spec"]["template"]}}
        await self.cluster.merge_object(
            DEPLOYMENT_RESOURCE, self.namespace, self.release.core_name, patch
        )
        await self._wait_for_deadline()

    async def recreate(self) -> None:
        """Delete its Deployment and make it again, as it was at first."""
        await self.delete()
        await self._install_core()

    async def delete(self) -> None:
        """Delete its Deployment."""
        await self.cluster.delete_object(
            DEPLOYMENT_RESOURCE, self.namespace, self.release.core_name
        )

    async def _install_core(self) -> None:
        await self.cluster.create_object(DEPLOYMENT_RESOURCE, self._core())
        await self._wait_for_deadline()

    async def _wait_for_deadline(self) -> None:
        # Before its deadline the service waits for a Deployment of which no Pod is ready.
        await self.cluster.wait_for_deadline(self.namespace, self.release.core_name)

    def _core(self) -> Content:
        deployment = self.release.deployment()
        deployment["spec"]["progressDeadlineSeconds"] = 1
        deployment["spec"]["template"]["spec"]["nodeSelector"] = {
            "registry-integration.io/none": "true"
        }
        if not os.environ.get("KUBECONFIG"):  # an emulated cluster has no controller that says so
            deployment["status"] = {"conditions": [_STUCK_CONDITION]}
        return deployment


@dataclass
class OperatorHarbor:
    """A HarborCluster."""

    cluster: LiveCluster
    namespace: str
    url: str
    password: str

    async def create(self) -> None:
        """Make it, with what the operator says of one that is well."""
        await self.cluster.create_object(SECRET_RESOURCE, self._admin("harbor-admin"))
        await self.cluster.create_object(HARBOR_CLUSTER_RESOURCE, self._harbor())

    async def move_password(self) -> None:
        """Let its password be in another Secret."""
        await self.cluster.create_object(SECRET_RESOURCE, self._admin(_OTHER_SECRET))
        patch = {"spec": {"harborAdminPasswordRef": _OTHER_SECRET}}
        await self.cluster.merge_object(HARBOR_CLUSTER_RESOURCE, self.namespace, NAME, patch)

    async def recreate(self) -> None:
        """Delete it and make it again, as it was at first."""
        await self.delete()
        await self.cluster.create_object(HARBOR_CLUSTER_RESOURCE, self._harbor())

    async def delete(self) -> None:
        """Delete it."""
        await self.cluster.delete_object(HARBOR_CLUSTER_RESOURCE, self.namespace, NAME)

    def _admin(self, name: str) -> Content:
        return _secret(self.namespace, name, "secret", self.password)

    def _harbor(self) -> Content:
        return {
            "apiVersion": "goharbor.io/v1beta1",
            "kind": "HarborCluster",
            "metadata": {"name": NAME, "namespace": self.namespace},
            "spec": {
                "externalURL": self.url,
                "harborAdminPasswordRef": "harbor-admin",
                "version": "2.11.1",
                "expose": {"core": {"ingress": {"host": "harbor.example.com"}}},
                **REQUIRED_SERVICES,
            },
            "status": {
                "status": "healthy",
                "revision": 1,
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }


def _secret(namespace: str, name: str, key: str, value: str) -> Content:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode()},
    }
