"""What the core Deployment of a Harbor chart tells, without I/O.

It names all there is to know: the ConfigMap with the address, the Secret with the password. See
https://github.com/goharbor/harbor-helm/blob/main/templates/core/core-dpl.yaml and
https://github.com/bitnami/charts/blob/main/bitnami/harbor/templates/core/core-dpl.yaml
"""

import re
from collections.abc import Iterator

from pydantic import Field

from models.discovery.managed_harbor import Phase, SecretKey
from tasks.clusters.objects import Meta, Wire
from tasks.discovery.objects import retold

ADDRESS = "EXT_ENDPOINT"
PASSWORD = "HARBOR_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable, no secret

_RELEASE = ("release", "app.kubernetes.io/instance")
_VERSION = re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}")
_AUTHORITY = "ca-download"
"""The volume from which Harbor offers its authority; both charts call it so."""


class _Ref(Wire):
    name: str = ""
    key: str = ""


class _From(Wire):
    config: _Ref | None = Field(default=None, alias="configMapKeyRef")
    secret: _Ref | None = Field(default=None, alias="secretKeyRef")


class _Variable(Wire):
    name: str
    value: str = ""
    source: _From = Field(default=_From(), alias="valueFrom")


class _Variables(Wire):
    prefix: str = ""
    config: _Ref | None = Field(default=None, alias="configMapRef")
    secret: _Ref | None = Field(default=None, alias="secretRef")


class _Container(Wire):
    name: str = ""
    image: str = ""
    env: tuple[_Variable, ...] = ()
    bulk: tuple[_Variables, ...] = Field(default=(), alias="envFrom")


class _SecretVolume(Wire):
    name: str = Field(default="", alias="secretName")


class _Volume(Wire):
    name: str = ""
    secret: _SecretVolume | None = None


class _Pod(Wire):
    containers: tuple[_Container, ...] = ()
    volumes: tuple[_Volume, ...] = ()


class _Template(Wire):
    spec: _Pod = _Pod()


class _Spec(Wire):
    replicas: int = 1
    template: _Template = _Template()


class _Condition(Wire):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Status(Wire):
    available: int = Field(default=0, alias="availableReplicas")
    conditions: tuple[_Condition, ...] = ()


class CoreDeployment(Wire):
    """The Deployment of a Harbor's core; the API server validates its types."""

    metadata: Meta
    spec: _Spec = _Spec()
    status: _Status = _Status()

    @property
    def release(self) -> str:
        """The Helm release it belongs to."""
        labels = self.metadata.labels
        named = next((labels[key] for key in _RELEASE if labels.get(key)), "")
        return named or self.metadata.name.removesuffix("-core")

    @property
    def version(self) -> str:
        """Harbor's version, by the image's tag, else by the chart's label; empty if untold."""
        tag = self._core.image.partition("@")[0].rpartition("/")[2].partition(":")[2]
        label = self.metadata.labels.get("app.kubernetes.io/version", "")
        found = _VERSION.search(tag) or _VERSION.search(label)
        return found[0] if found else ""

    @property
    def phase(self) -> Phase:
        """How far it is: without a ready Pod it is on its way, unless it was up or gave up."""
        if self.metadata.deleted_at:
            return Phase.PROVISIONING
        if not self.spec.replicas:
            return Phase.STOPPED
        if self.status.available:
            return Phase.READY
        rollout = self._condition("Progressing")
        ended = rollout.status == "False" or rollout.reason == "NewReplicaSetAvailable"
        return Phase.FAILING if ended else Phase.PROVISIONING

    @property
    def trouble(self) -> str:
        """Why it is not ready; empty if it is."""
        if self.metadata.deleted_at:
            return "it is being deleted"
        if not self.spec.replicas:
            return f"the Deployment {self.metadata.name} is scaled to 0"
        if self.status.available:
            return ""
        rollout = self._condition("Progressing")
        said = rollout if rollout.status == "False" else self._condition("Available")
        words = ": ".join(word for word in (said.reason, said.message) if word)
        why = f" ({retold(words)})" if words else ""
        return f"no Pod of the Deployment {self.metadata.name} is ready{why}"

    @property
    def address(self) -> str:
        """The address, where it stands in the Deployment itself."""
        return self._variable(ADDRESS).value

    @property
    def configs(self) -> list[tuple[str, str]]:
        """The ConfigMaps and their keys that may hold the address; the first that does, counts.

        See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables
        for which one counts: the variable itself before whole maps, the last of those first.
        """
        ref = self._variable(ADDRESS).source.config
        if ref is not None:
            return [(ref.name, ref.key)]
        maps = [one.config.name for one in self._bulk() if one.config is not None]
        return [(name, ADDRESS) for name in reversed(maps)]

    @property
    def password(self) -> SecretKey | None:
        """Where the password is; None if that is not told, or if it stands in the clear."""
        variable = self._variable(PASSWORD)
        ref = variable.source.secret
        if ref is not None:
            return self._key(ref.name, ref.key)
        secrets = [one.secret.name for one in self._bulk() if one.secret is not None]
        if not secrets or variable.name:
            return None
        return self._key(secrets[0], PASSWORD)  # the chart's own; further ones are somebody's extra

    @property
    def authority(self) -> SecretKey | None:
        """Where the authority of its address is, if the chart mounts it."""
        mounted = (one.secret for one in self.spec.template.spec.volumes if one.name == _AUTHORITY)
        name = next((one.name for one in mounted if one is not None), "")
        return self._key(name, "ca.crt") if name else None

    @property
    def _core(self) -> _Container:
        """The container of Harbor itself, not one that was injected beside it."""
        listed = self.spec.template.spec.containers
        return next((one for one in listed if one.name == "core"), (listed or (_Container(),))[0])

    def _variable(self, name: str) -> _Variable:
        found = (one for one in self._core.env if one.name == name)
        return next(found, _Variable(name=""))

    def _bulk(self) -> Iterator[_Variables]:
        return (one for one in self._core.bulk if not one.prefix)

    def _condition(self, kind: str) -> _Condition:
        found = (one for one in self.status.conditions if one.type == kind)
        return next(found, _Condition())

    def _key(self, name: str, key: str) -> SecretKey:
        return SecretKey(namespace=self.metadata.namespace, name=name, key=key)


class ConfigMap(Wire):
    """A ConfigMap."""

    data: dict[str, str] | None = None
