"""Harbors that harbor-operator runs: its `HarborCluster`s.

See https://github.com/goharbor/harbor-operator/tree/main/apis/goharbor.io/v1beta1
"""

from pydantic import Field

from models.core.availability import Seen, Unseen
from models.core.errors import ClusterError
from models.core.reasons import Reason
from models.discovery.managed_harbor import ManagedHarbor, Phase, Place, SecretKey, SourceKind
from tasks.clusters.objects import Meta, Wire
from tasks.discovery.objects import Reader, Where, readable, retold, seen_or_not
from tasks.discovery.protocol import IsTrusted

PASSWORD_KEY = "secret"  # noqa: S105 - the name of a key, no secret
"""The key of the Secret that `spec.harborAdminPasswordRef` names."""

AUTHORITY_KEY = "ca.crt"
"""https://cert-manager.io/docs/usage/certificate/: the authority, beside certificate and key."""

_GROUP = "goharbor.io"
_VERSIONS = ("v1beta1", "v1alpha3")
"""Those that we read, best first; what we need of them is the same."""

_PHASES = {"healthy": Phase.READY, "unhealthy": Phase.FAILING}
"""By `status.status`; in all others (provisioning, creating, unknown) nobody says it is ready."""


class _Version(Wire):
    version: str


class _Group(Wire):
    name: str
    versions: tuple[_Version, ...] = ()


class _Groups(Wire):
    """https://kubernetes.io/docs/reference/using-api/api-concepts/#unaggregated-discovery"""

    groups: tuple[_Group, ...]


class _Certificate(Wire):
    name: str = Field(default="", alias="certificateRef")


class _Exposed(Wire):
    tls: _Certificate | None = None


class _Expose(Wire):
    core: _Exposed = _Exposed()


class _Spec(Wire):
    address: str = Field(default="", alias="externalURL")
    password: str = Field(default="", alias="harborAdminPasswordRef")
    version: str = ""
    expose: _Expose = _Expose()


class _Condition(Wire):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Status(Wire):
    status: str = ""
    conditions: tuple[_Condition, ...] = ()

    @property
    def trouble(self) -> str:
        """What the first condition says that is not met."""
        unmet = next((one for one in self.conditions if one.status == "False"), None)
        if unmet is None:
            return f"harbor-operator says: {retold(self.status) or 'nothing yet'}"
        words = (word for word in (unmet.type, unmet.reason, unmet.message) if word)
        return f"harbor-operator says: {retold(': '.join(words))}"


class HarborCluster(Wire):
    """A HarborCluster; its parts are read one by one, so that a wrong one breaks no other."""

    metadata: Meta
    spec: object = None
    status: object = None

    def managed(self, cluster: str) -> ManagedHarbor:
        """Return what it says of a Harbor."""
        spec, wrong = readable(_Spec, self.spec, "spec")
        status, unclear = readable(_Status, self.status, "status")
        phase = _PHASES.get(status.status, Phase.PROVISIONING)
        if wrong and phase is Phase.READY:
            phase = Phase.FAILING
        said = "" if phase is Phase.READY else unclear or status.trouble
        if self.metadata.deleted_at:  # still there, but nothing to begin with
            phase, wrong = Phase.PROVISIONING, "it is being deleted"
        return ManagedHarbor(
            place=self.place(cluster),
            uid=self.metadata.uid,
            address=spec.address,
            version=spec.version,
            phase=phase,
            password=self._key(spec.password, PASSWORD_KEY),
            authority=self._key(_certificate(spec), AUTHORITY_KEY),
            message=wrong or _lacking(spec) or said,
        )

    def place(self, cluster: str) -> Place:
        """Return where it is."""
        namespace, name = self.metadata.namespace, self.metadata.name
        return Place(cluster=cluster, namespace=namespace, name=name, kind=SourceKind.OPERATOR)

    def _key(self, name: str, key: str) -> SecretKey | None:
        namespace = self.metadata.namespace
        return SecretKey(namespace=namespace, name=name, key=key) if name else None


class HarborOperator:
    """Looks for HarborClusters; a `Source`.

    Args:
        reader: reads the cluster.
        is_trusted: of which more is told than that they are there.
    """

    def __init__(self, reader: Reader, is_trusted: IsTrusted) -> None:
        self._reader, self._is_trusted = reader, is_trusted

    async def harbors(self) -> Seen[ManagedHarbor] | Unseen:
        """See all HarborClusters: what is served, then one list; see `Source`."""
        return await seen_or_not(self._all())

    async def _all(self) -> list[ManagedHarbor]:
        for version in await self._served():
            where = Where(f"apis/{_GROUP}/{version}", "harborclusters")
            try:
                found = await self._reader.listed(where, HarborCluster)
            except ClusterError as error:
                if error.reason is not Reason.NOT_FOUND:
                    raise
                continue  # the group's other kinds may be served without this one
            return [self._managed(one) for one in found]
        return []

    def _managed(self, harbor: HarborCluster) -> ManagedHarbor:
        place, uid = harbor.place(self._reader.cluster), harbor.metadata.uid
        if not self._is_trusted(place, uid):
            return ManagedHarbor(place=place, uid=uid)
        return harbor.managed(self._reader.cluster)

    async def _served(self) -> list[str]:
        """Ask which of our versions are served, best first; none if it is not installed.

        All groups are asked for, not this one: that it is not there is then said by an answer,
        not by a 404, which anything may give. Everybody may ask, so that no right is missed where
        there is no operator; a list would be forbidden there before it is not found.
        """
        groups = (await self._reader.got(Where("apis"), _Groups)).groups
        served = {each.version for one in groups if one.name == _GROUP for each in one.versions}
        return [version for version in _VERSIONS if version in served]


def _lacking(spec: _Spec) -> str:
    if not spec.address:
        return "spec.externalURL is empty: it has no address yet"
    if not spec.password:
        return "spec.harborAdminPasswordRef is empty: nobody says where its password is"
    return ""


def _certificate(spec: _Spec) -> str:
    """Name the Secret with the certificate that its address is served with."""
    tls = spec.expose.core.tls
    return tls.name if tls and spec.address.lower().startswith("https:") else ""
