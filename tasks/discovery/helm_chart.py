"""API model of the core Deployment of a Harbor chart, without I/O.

It refers to everything that is needed: the ConfigMap with the address, the Secret with the
password. See
https://github.com/goharbor/harbor-helm/blob/main/templates/core/core-dpl.yaml and
https://github.com/bitnami/charts/blob/main/bitnami/harbor/templates/core/core-dpl.yaml
"""

import re
from collections.abc import Iterator

from pydantic import Field

from models.discovery.managed_harbor import HarborPhase, SecretKeyRef
from tasks.clusters.objects import KubernetesModel, KubernetesObject
from tasks.discovery.objects import StatusCondition, redact

ADDRESS_VARIABLE = "EXT_ENDPOINT"
PASSWORD_VARIABLE = "HARBOR_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable, not a secret

_RELEASE_LABELS = ("release", "app.kubernetes.io/instance")
_VERSION_PATTERN = re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}")
_CA_VOLUME = "ca-download"
"""Volume with the CA that Harbor offers for download; both charts use this name."""


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


class _Status(KubernetesModel):
    available: int = Field(default=0, alias="availableReplicas")
    conditions: tuple[StatusCondition, ...] = ()


class CoreDeployment(KubernetesObject):
    """The Deployment of a Harbor core; the API server has validated its types."""

    spec: _Spec = _Spec()
    status: _Status = _Status()

    @property
    def release(self) -> str:
        """Name of the Helm release."""
        labels = self.metadata.labels
        name = next((labels[key] for key in _RELEASE_LABELS if labels.get(key)), "")
        return name or self.metadata.name.removesuffix("-core")

    @property
    def version(self) -> str:
        """Harbor's version from the image tag, else from the version label; empty if unknown."""
        tag = self._core_container.image.partition("@")[0].rpartition("/")[2].partition(":")[2]
        label = self.metadata.labels.get("app.kubernetes.io/version", "")
        match = _VERSION_PATTERN.search(tag) or _VERSION_PATTERN.search(label)
        return match[0] if match else ""

    @property
    def phase(self) -> HarborPhase:
        """Phase of the Harbor.

        Without a ready pod it is provisioning; it is failing if the rollout had completed or has
        failed.
        """
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
        """Why the Harbor is not ready; empty if it is."""
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
        return f"no pod of the Deployment {self.metadata.name} is ready{suffix}"

    @property
    def address(self) -> str:
        """Address that is set in the Deployment itself; empty if it is in a ConfigMap."""
        return self._variable(ADDRESS_VARIABLE).value

    @property
    def address_config_maps(self) -> list[tuple[str, str]]:
        """Names and keys of the ConfigMaps that may hold the address, in order of precedence.

        A reference of the variable itself precedes `envFrom`, where the last ConfigMap wins, see
        https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables
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
        """Reference to the password; None if it is not set or is set in plain text."""
        variable = self._variable(PASSWORD_VARIABLE)
        ref = variable.value_from.secret
        if ref is not None:
            return self._secret_key_ref(ref.name, ref.key)
        secrets = [
            env_from.secret.name for env_from in self._env_from() if env_from.secret is not None
        ]
        if not secrets or variable.name:
            return None
        # The first Secret is the chart's own; further ones come from extra values.
        return self._secret_key_ref(secrets[0], PASSWORD_VARIABLE)

    @property
    def ca_secret(self) -> SecretKeyRef | None:
        """Reference to the CA of the address; None if the chart does not mount it."""
        secrets = (
            volume.secret for volume in self.spec.template.spec.volumes if volume.name == _CA_VOLUME
        )
        name = next((secret.name for secret in secrets if secret is not None), "")
        return self._secret_key_ref(name, "ca.crt") if name else None

    @property
    def _core_container(self) -> _Container:
        # Not simply the first container: a sidecar may be injected before it.
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

    def _condition(self, kind: str) -> StatusCondition:
        matches = (condition for condition in self.status.conditions if condition.type == kind)
        return next(matches, StatusCondition())

    def _secret_key_ref(self, name: str, key: str) -> SecretKeyRef:
        return SecretKeyRef(namespace=self.metadata.namespace, name=name, key=key)


class ConfigMap(KubernetesModel):
    """A ConfigMap."""

    data: dict[str, str] | None = None
