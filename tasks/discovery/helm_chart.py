"""What the core Deployment of a Harbor chart tells, without I/O.

It names all there is to know: the ConfigMap with the address, the Secret with the password. See
https://github.com/goharbor/harbor-helm/blob/main/templates/core/core-dpl.yaml and
https://github.com/bitnami/charts/blob/main/bitnami/harbor/templates/core/core-dpl.yaml
"""

import re
from collections.abc import Iterator

from pydantic import Field

from models.discovery.managed_harbor import HarborPhase, SecretKeyRef
from tasks.clusters.objects import KubernetesModel, ObjectMeta
from tasks.discovery.objects import redact

ADDRESS_VARIABLE = "EXT_ENDPOINT"
PASSWORD_VARIABLE = "HARBOR_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable, no secret

_RELEASE_LABELS = ("release", "app.kubernetes.io/instance")
_VERSION_PATTERN = re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}")
_CA_VOLUME = "ca-download"
"""The volume from which Harbor offers its authority; both charts call it so."""


class _KeyRef(KubernetesModel):
    name: str = ""
    key: str = ""


class _ValueFrom(KubernetesModel):
    config: _KeyRef | None = Field(default=None, alias="configMapKeyRef")
    secret: _KeyRef | None = Field(default=None, alias="secretKeyRef")


class _EnvVar(KubernetesModel):
    name: str
    value: str = ""
    value_from: _ValueFrom = Field(default=_ValueFrom(), alias="valueFrom")


class _EnvFrom(KubernetesModel):
    prefix: str = ""
    config: _KeyRef | None = Field(default=None, alias="configMapRef")
    secret: _KeyRef | None = Field(default=None, alias="secretRef")


class _Container(KubernetesModel):
    name: str = ""
    image: str = ""
    env: tuple[_EnvVar, ...] = ()
    env_from: tuple[_EnvFrom, ...] = Field(default=(), alias="envFrom")


class _SecretVolume(KubernetesModel):
    name: str = Field(default="", alias="secretName")


class _Volume(KubernetesModel):
    name: str = ""
    secret: _SecretVolume | None = None


class _Pod(KubernetesModel):
    containers: tuple[_Container, ...] = ()
    volumes: tuple[_Volume, ...] = ()


class _Template(KubernetesModel):
    spec: _Pod = _Pod()


class _Spec(KubernetesModel):
    replicas: int = 1
    template: _Template = _Template()


class _Condition(KubernetesModel):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Status(KubernetesModel):
    available: int = Field(default=0, alias="availableReplicas")
    conditions: tuple[_Condition, ...] = ()


class CoreDeployment(KubernetesModel):
    """The Deployment of a Harbor's core; the API server validates its types."""

    metadata: ObjectMeta
    spec: _Spec = _Spec()
    status: _Status = _Status()

    @property
    def release(self) -> str:
        """The Helm release it belongs to."""
        labels = self.metadata.labels
        name = next((labels[key] for key in _RELEASE_LABELS if labels.get(key)), "")
        return name or self.metadata.name.removesuffix("-core")

    @property
    def version(self) -> str:
        """Harbor's version, by the image's tag, else by the chart's label; empty if untold."""
        tag = self._core_container.image.partition("@")[0].rpartition("/")[2].partition(":")[2]
        label = self.metadata.labels.get("app.kubernetes.io/version", "")
        match = _VERSION_PATTERN.search(tag) or _VERSION_PATTERN.search(label)
        return match[0] if match else ""

    @property
    def phase(self) -> HarborPhase:
        """How far it is: without a ready Pod it is on its way, unless it was up or gave up."""
        if self.metadata.deleted_at:
            return HarborPhase.PROVISIONING
        if not self.spec.replicas:
            return HarborPhase.STOPPED
        if self.status.available:
            return HarborPhase.READY
        rollout = self._condition("Progressing")
        has_ended = rollout.status == "False" or rollout.reason == "NewReplicaSetAvailable"
        return HarborPhase.FAILING if has_ended else HarborPhase.PROVISIONING

    @property
    def problem(self) -> str:
        """Why it is not ready; empty if it is."""
        if self.metadata.deleted_at:
            return "it is being deleted"
        if not self.spec.replicas:
            return f"the Deployment {self.metadata.name} is scaled to 0"
        if self.status.available:
            return ""
        rollout = self._condition("Progressing")
        condition = rollout if rollout.status == "False" else self._condition("Available")
        detail = ": ".join(part for part in (condition.reason, condition.message) if part)
        suffix = f" ({redact(detail)})" if detail else ""
        return f"no Pod of the Deployment {self.metadata.name} is ready{suffix}"

    @property
    def address(self) -> str:
        """The address, where it stands in the Deployment itself."""
        return self._variable(ADDRESS_VARIABLE).value

    @property
    def address_config_maps(self) -> list[tuple[str, str]]:
        """The ConfigMaps and their keys that may hold the address; the first that does, counts.

        See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables
        for which one counts: the variable itself before whole maps, the last of those first.
        """
        ref = self._variable(ADDRESS_VARIABLE).value_from.config
        if ref is not None:
            return [(ref.name, ref.key)]
        maps = [
            env_from.config.name for env_from in self._env_from() if env_from.config is not None
        ]
        return [(name, ADDRESS_VARIABLE) for name in reversed(maps)]

    @property
    def password(self) -> SecretKeyRef | None:
        """Where the password is; None if that is not told, or if it stands in the clear."""
        variable = self._variable(PASSWORD_VARIABLE)
        ref = variable.value_from.secret
        if ref is not None:
            return self._secret_key_ref(ref.name, ref.key)
        secrets = [
            env_from.secret.name for env_from in self._env_from() if env_from.secret is not None
        ]
        if not secrets or variable.name:
            return None
        return self._secret_key_ref(
            secrets[0], PASSWORD_VARIABLE
        )  # the chart's own; further ones are somebody's extra

    @property
    def ca_secret(self) -> SecretKeyRef | None:
        """Where the authority of its address is, if the chart mounts it."""
        secrets = (
            volume.secret for volume in self.spec.template.spec.volumes if volume.name == _CA_VOLUME
        )
        name = next((secret.name for secret in secrets if secret is not None), "")
        return self._secret_key_ref(name, "ca.crt") if name else None

    @property
    def _core_container(self) -> _Container:
        """The container of Harbor itself, not one that was injected beside it."""
        containers = self.spec.template.spec.containers
        return next(
            (container for container in containers if container.name == "core"),
            (containers or (_Container(),))[0],
        )

    def _variable(self, name: str) -> _EnvVar:
        matches = (variable for variable in self._core_container.env if variable.name == name)
        return next(matches, _EnvVar(name=""))

    def _env_from(self) -> Iterator[_EnvFrom]:
        return (env_from for env_from in self._core_container.env_from if not env_from.prefix)

    def _condition(self, kind: str) -> _Condition:
        matches = (condition for condition in self.status.conditions if condition.type == kind)
        return next(matches, _Condition())

    def _secret_key_ref(self, name: str, key: str) -> SecretKeyRef:
        return SecretKeyRef(namespace=self.metadata.namespace, name=name, key=key)


class ConfigMap(KubernetesModel):
    """A ConfigMap."""

    data: dict[str, str] | None = None
