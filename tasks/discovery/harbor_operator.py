"""Managed Harbors of harbor-operator: its `HarborCluster` objects.

See https://github.com/goharbor/harbor-operator/tree/main/apis/goharbor.io/v1beta1
"""

from pydantic import Field

from models.core.availability import Complete, Unavailable
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.discovery.managed_harbor import (
    HarborPhase,
    HarborRef,
    HarborSourceKind,
    ManagedHarbor,
    SecretKeyRef,
)
from tasks.clusters.objects import KubernetesModel, KubernetesObject
from tasks.discovery.objects import (
    ObjectReader,
    ResourcePath,
    StatusCondition,
    complete_or_unavailable,
    parse_lenient,
    redact,
)
from tasks.discovery.protocol import IsTrusted

PASSWORD_KEY = "secret"  # noqa: S105 - the name of a key, not a secret
"""Key of the Secret that `spec.harborAdminPasswordRef` refers to."""

CA_KEY = "ca.crt"
"""https://cert-manager.io/docs/usage/certificate/: the CA, next to certificate and key."""

_GROUP = "goharbor.io"
_VERSIONS = ("v1beta1", "v1alpha3")
"""Supported versions, preferred first; the fields read here are the same in all."""

_PHASES = {"healthy": HarborPhase.READY, "unhealthy": HarborPhase.FAILING}
"""By `status.status`; every other status (provisioning, creating, unknown) means not ready."""


class _Version(KubernetesModel):
    version: str


class _Group(KubernetesModel):
    name: str
    versions: tuple[_Version, ...] = ()


class _Groups(KubernetesModel):
    """https://kubernetes.io/docs/reference/using-api/api-concepts/#unaggregated-discovery"""

    groups: tuple[_Group, ...]


class _Certificate(KubernetesModel):
    name: str = Field(default="", alias="certificateRef")


class _ExposedComponent(KubernetesModel):
    tls: _Certificate | None = None


class _Expose(KubernetesModel):
    core: _ExposedComponent = _ExposedComponent()


class _Spec(KubernetesModel):
    address: str = Field(default="", alias="externalURL")
    password: str = Field(default="", alias="harborAdminPasswordRef")
    version: str = ""
    expose: _Expose = _Expose()


class _Status(KubernetesModel):
    status: str = ""
    conditions: tuple[StatusCondition, ...] = ()

    @property
    def problem(self) -> str:
        """Message of the first condition with status False, else of the status itself."""
        unmet = next(
            (condition for condition in self.conditions if condition.status == "False"), None
        )
        if unmet is None:
            return f"harbor-operator status: {redact(self.status) or 'none yet'}"
        parts = (part for part in (unmet.type, unmet.reason, unmet.message) if part)
        return f"harbor-operator status: {redact(': '.join(parts))}"


class HarborCluster(KubernetesObject):
    """A HarborCluster; spec and status are parsed leniently, one by one, see `parse_lenient`."""

    spec: object = None
    status: object = None

    def to_managed_harbor(self, cluster: str) -> ManagedHarbor:
        """Convert to a `ManagedHarbor`.

        Args:
            cluster: name of the cluster.
        """
        spec, error = parse_lenient(_Spec, self.spec, "spec")
        status, status_error = parse_lenient(_Status, self.status, "status")
        phase = _PHASES.get(status.status, HarborPhase.PROVISIONING)
        if error and phase is HarborPhase.READY:
            phase = HarborPhase.FAILING
        status_message = "" if phase is HarborPhase.READY else status_error or status.problem
        if self.metadata.deleted_at:  # still exists, but must not be integrated
            phase, error = HarborPhase.PROVISIONING, "it is being deleted"
        return ManagedHarbor(
            ref=self.ref(cluster),
            uid=self.metadata.uid,
            address=spec.address,
            version=spec.version,
            phase=phase,
            password=self._secret_key_ref(spec.password, PASSWORD_KEY),
            ca_secret=self._secret_key_ref(_certificate_secret(spec), CA_KEY),
            message=error or _missing_requirement(spec) or status_message,
        )

    def ref(self, cluster: str) -> HarborRef:
        """Return the reference to this Harbor.

        Args:
            cluster: name of the cluster.
        """
        namespace, name = self.metadata.namespace, self.metadata.name
        return HarborRef(
            cluster=cluster, namespace=namespace, name=name, kind=HarborSourceKind.OPERATOR
        )

    def _secret_key_ref(self, name: str, key: str) -> SecretKeyRef | None:
        namespace = self.metadata.namespace
        return SecretKeyRef(namespace=namespace, name=name, key=key) if name else None


class OperatorHarborSource:
    """Lists HarborClusters; see `HarborSource`.

    Args:
        reader: reads the cluster.
        is_trusted: which objects are listed with details.
    """

    def __init__(self, reader: ObjectReader, is_trusted: IsTrusted) -> None:
        self._reader, self._is_trusted = reader, is_trusted

    async def list_harbors(self) -> Complete[ManagedHarbor] | Unavailable:
        """List all HarborClusters: one request for the API groups, one list; see `HarborSource`."""
        return await complete_or_unavailable(self._list_all())

    async def _list_all(self) -> list[ManagedHarbor]:
        for version in await self._served_versions():
            resource = ResourcePath(f"apis/{_GROUP}/{version}", "harborclusters")
            try:
                harbors = await self._reader.list_objects(resource, HarborCluster)
            except RemoteError as error:
                if error.reason is not Reason.NOT_FOUND:
                    raise
                continue  # the API group may be served without this kind
            return [self._to_managed_harbor(harbor) for harbor in harbors]
        return []

    def _to_managed_harbor(self, harbor: HarborCluster) -> ManagedHarbor:
        ref, uid = harbor.ref(self._reader.cluster), harbor.metadata.uid
        if not self._is_trusted(ref, uid):
            return ManagedHarbor(ref=ref, uid=uid)
        return harbor.to_managed_harbor(self._reader.cluster)

    async def _served_versions(self) -> list[str]:
        # All API groups are read, not only this one: a missing group is then a valid response and
        # not a 404, which any server may answer. By default every user has this right. Listing
        # right away would be answered 403 instead of 404 where the operator is not installed.
        groups = (await self._reader.get_object(ResourcePath("apis"), _Groups)).groups
        available_versions = {
            group_version.version
            for group in groups
            if group.name == _GROUP
            for group_version in group.versions
        }
        return [version for version in _VERSIONS if version in available_versions]


def _missing_requirement(spec: _Spec) -> str:
    if not spec.address:
        return "spec.externalURL is empty: the address is not set yet"
    if not spec.password:
        return "spec.harborAdminPasswordRef is empty: the password is not set yet"
    return ""


def _certificate_secret(spec: _Spec) -> str:
    tls = spec.expose.core.tls
    return tls.name if tls and spec.address.lower().startswith("https:") else ""
