"""A managed Harbor as a cluster shows it: the objects that a chart or an operator leaves there.

They stand for the Harbor that the environment names. No Pod is run: the Deployment's finds no
node, and nothing of the operator need be there but its kind.
"""

import base64
from dataclasses import dataclass, field
from typing import Protocol

from deployments.simulators.kubernetes.harbors.charts import PASSWORD, Release
from deployments.simulators.kubernetes.object_store import CONFIGMAPS, DEPLOYMENTS, HARBORS, SECRETS
from tests.live.clusters import Content, LiveCluster

NAME = "harbor"
"""Of the release and the HarborCluster; rbac-harbors.yaml has the names of what belongs to it."""

_OTHER = "harbor-core-envvars"
"""Where the password is after it was moved; rbac-harbors.yaml has this name too."""


_STUCK = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


class Kept(Protocol):
    """A way in which Harbors are run."""

    async def stand_up(self) -> None: ...

    async def move_password(self) -> None: ...

    async def make_again(self) -> None: ...

    async def take_down(self) -> None: ...


@dataclass
class HelmKept:
    """A release of goharbor's chart."""

    cluster: LiveCluster
    namespace: str
    url: str
    password: str
    release: Release = field(init=False)

    def __post_init__(self) -> None:
        self.release = Release(self.namespace, NAME, "goharbor", "2.11.1")

    async def stand_up(self) -> None:
        """Install it."""
        await self.cluster.make(CONFIGMAPS, self.release.config_map(self.url))
        name = self.release.variables
        await self.cluster.make(SECRETS, _secret(self.namespace, name, PASSWORD, self.password))
        await self.cluster.make(DEPLOYMENTS, self._core())

    async def move_password(self) -> None:
        """Let its password be in another Secret."""
        await self.cluster.make(SECRETS, _secret(self.namespace, _OTHER, "moved", self.password))
        core = self._core()
        ref = {"name": _OTHER, "key": "moved"}
        core["spec"]["template"]["spec"]["containers"][0]["env"] = [
            {"name": PASSWORD, "valueFrom": {"secretKeyRef": ref}}
        ]
        patch = {"spec": {"template": core["spec"]["template"]}}
        await self.cluster.merge(DEPLOYMENTS, self.namespace, self.release.core, patch)

    async def make_again(self) -> None:
        """Delete its Deployment and make it again, as it was at first."""
        await self.take_down()
        await self.cluster.make(DEPLOYMENTS, self._core())

    async def take_down(self) -> None:
        """Delete its Deployment."""
        await self.cluster.unmake(DEPLOYMENTS, self.namespace, self.release.core)

    def _core(self) -> Content:
        made = self.release.deployment()
        made["spec"]["progressDeadlineSeconds"] = 1
        made["spec"]["template"]["spec"]["nodeSelector"] = {"registry-integration.io/none": "true"}
        made["status"] = {"conditions": [_STUCK]}  # as the controller of a real cluster has it
        return made


@dataclass
class OperatorKept:
    """A HarborCluster."""

    cluster: LiveCluster
    namespace: str
    url: str
    password: str

    async def stand_up(self) -> None:
        """Make it, with what the operator says of one that is well."""
        await self.cluster.make(SECRETS, self._admin("harbor-admin"))
        await self.cluster.make(HARBORS, self._harbor())

    async def move_password(self) -> None:
        """Let its password be in another Secret."""
        await self.cluster.make(SECRETS, self._admin(_OTHER))
        patch = {"spec": {"harborAdminPasswordRef": _OTHER}}
        await self.cluster.merge(HARBORS, self.namespace, NAME, patch)

    async def make_again(self) -> None:
        """Delete it and make it again, as it was at first."""
        await self.take_down()
        await self.cluster.make(HARBORS, self._harbor())

    async def take_down(self) -> None:
        """Delete it."""
        await self.cluster.unmake(HARBORS, self.namespace, NAME)

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
                "expose": {"core": {}},
            },
            "status": {
                "status": "healthy",
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }


def _secret(namespace: str, name: str, key: str, value: str) -> Content:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode()},
    }
