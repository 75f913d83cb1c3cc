"""The configuration, observation and status of Kubernetes clusters."""

from collections.abc import Sequence
from datetime import datetime

from models.core.availability import Complete, Unavailable
from models.core.base import FrozenModel
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.registries.registry import BlockRef, NamedCredentialRef

PULL_SECRET_NAME = "registry-integration"  # noqa: S105 - the name of a Secret, no secret
"""The name of the pull secret in each namespace, so RBAC rules can be limited to it."""

SERVICE_ACCOUNT_NAME = "default"
"""The ServiceAccount of pods that specify no other one."""

FIELD_MANAGER = "registry-integration"
"""The field manager for server-side apply."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
"""Label of owned objects: https://kubernetes.io/docs/reference/labels-annotations-taints/"""

IDENTITY_NAMESPACE = "kube-system"
"""The namespace whose uid identifies a cluster, see `models.clusters.identity`."""

INSTALLATION_LABEL = "registry-integration.io/installation"
"""Label with the id of the installation, because two installations may use one cluster."""


class Cluster(FrozenModel):
    """The configuration of a Kubernetes cluster.

    Attributes:
        credential: reference to its kubeconfig; None for the cluster that this service runs in.
        links_accounts: whether to add the pull secret to the default ServiceAccounts.
        uid: uid of its namespace kube-system; empty until the cluster was read once.
    """

    name: str
    credential: NamedCredentialRef | None = None
    links_accounts: bool = True
    description: str = ""
    uid: str = ""

    @property
    def target(self) -> str:
        """The cluster in errors."""
        return f"cluster {self.name}"

    @property
    def kubeconfig_place(self) -> str:
        """Where its kubeconfig is, in advice."""
        if isinstance(self.credential, BlockRef):
            return f"the block cluster-credentials/{self.credential.name}"
        return f"the {self.credential}"


def refused_credential_message(cluster: Cluster) -> str:
    """Return that a cluster refuses the credential (401), and what to do.

    The API server does not say whether a token is expired, revoked or of another cluster.
    """
    if cluster.credential is None:
        return (
            f"the token of this service's own ServiceAccount is refused by cluster {cluster.name}: "
            "check that the ServiceAccount exists, then restart the pod"
        )
    return (
        f"the token or client certificate of cluster {cluster.name} is refused, it may be expired "
        f"or revoked: put a new kubeconfig into {cluster.kubeconfig_place}"
    )


class ObservedNamespace(FrozenModel):
    """A namespace as observed; `labels` contains only the configured workspace labels."""

    name: str
    uid: str
    labels: tuple[tuple[str, str], ...] = ()
    terminating: bool = False


class ObservedPullSecret(FrozenModel):
    """A Secret with the name of the pull secret.

    Attributes:
        uid, resource_version: identify the observed Secret, so that no other one is deleted.
        is_owned: whether it is of this installation: by its labels; or, if somebody changed them,
            because it holds nothing but logins of this installation's robot accounts.
        has_labels: whether it has the labels of this service and this installation.
        installation: the installation of this service that its labels name; empty without them.
        fingerprint: keyed digest of its content; None if it contains no dockerconfigjson.
        other_manager: the field manager that changed it last, other than this service.
    """

    namespace: str
    uid: str
    resource_version: str
    is_owned: bool
    has_labels: bool = True
    installation: str = ""
    fingerprint: str | None = None
    other_manager: str = ""


class ImagePullSecrets(FrozenModel):
    """The imagePullSecrets of a ServiceAccount in one version of it."""

    resource_version: str
    names: tuple[str, ...]


class ObservedServiceAccount(FrozenModel):
    """A ServiceAccount, and whether its imagePullSecrets include the pull secret.

    Attributes:
        pull_secrets: all its imagePullSecrets; None if they are too many to be kept.
        labels: only the labels that select ServiceAccounts.
        manager: the field manager of its imagePullSecrets; empty if not known.
        other_manager: the field manager that changed it last, other than this service.
    """

    namespace: str
    name: str = SERVICE_ACCOUNT_NAME
    has_pull_secret: bool
    pull_secrets: ImagePullSecrets | None = None
    labels: tuple[tuple[str, str], ...] = ()
    manager: str = ""
    other_manager: str = ""


class ObservedPod(FrozenModel):
    """A pod: its ServiceAccount, and the names of its imagePullSecrets."""

    name: str
    service_account: str = SERVICE_ACCOUNT_NAME
    pull_secrets: tuple[str, ...] = ()


class ClusterRight(FrozenModel):
    """A right in all namespaces, as a rule of a ClusterRole grants it.

    Attributes:
        name: the only object that it covers (`resourceNames`); empty for all.
        group: API group of the resource; empty for the core group.
    """

    verb: str
    resource: str
    name: str = ""
    group: str = ""

    def __str__(self) -> str:
        return (
            f'{self.verb} {self.resource} "{self.name}"'
            if self.name
            else f"{self.verb} {self.resource}"
        )


class UnreadableNamespace(FrozenModel):
    """A namespace that is left out of an observation, and why.

    Its users choose number and size of its objects, so that must not hide the other namespaces.
    """

    name: str
    message: str


class ClusterSnapshot(FrozenModel):
    """One observation of one cluster; each section is complete or unavailable.

    Attributes:
        unreadable: namespaces for which a complete section is not complete.
        accounts_unavailable: why only the default ServiceAccounts were listed, if others are
            needed.
        missing_rights: required rights that are not granted; None if that was not asked for.
    """

    cluster: str
    observed_at: datetime
    seconds: float = 0.0
    namespaces: Complete[ObservedNamespace] | Unavailable
    secrets: Complete[ObservedPullSecret] | Unavailable
    service_accounts: Complete[ObservedServiceAccount] | Unavailable
    unreadable: tuple[UnreadableNamespace, ...] = ()
    accounts_unavailable: Unavailable | None = None
    missing_rights: Complete[ClusterRight] | Unavailable | None = None

    @property
    def unreadable_messages(self) -> dict[str, str]:
        """Why namespaces could not be read, by name."""
        return {namespace.name: namespace.message for namespace in self.unreadable}

    @property
    def uid(self) -> str:
        """The identity of the observed cluster; empty if kube-system is not in the list."""
        if isinstance(self.namespaces, Unavailable):
            return ""
        namespaces = {namespace.name: namespace.uid for namespace in self.namespaces.items}
        return namespaces.get(IDENTITY_NAMESPACE, "")

    def without_content(self, why: Unavailable) -> "ClusterSnapshot":
        """Return the snapshot with all sections unavailable."""
        return self.model_copy(update={"namespaces": why, "secrets": why, "service_accounts": why})

    @property
    def first_unavailable(self) -> Unavailable | None:
        """The first section that could not be read."""
        sections = (self.namespaces, self.secrets, self.service_accounts)
        return next((section for section in sections if isinstance(section, Unavailable)), None)


class ClusterStatus(FrozenModel):
    """The status of a cluster.

    Attributes:
        reachable: whether the last observation was complete; None before the first.
        reason, message: result of the last observation.
        since: when `reachable` last changed (UTC).
        looked_at: last attempt (UTC); None before the first.
        seen_at: last complete observation (UTC).
        missing_rights: required rights that are not granted; None if not known.
        rights_checked_at: when the cluster answered that (UTC).
    """

    reachable: bool | None = None
    reason: Reason = Reason.NOT_PROBED
    message: str = "not observed yet"
    since: datetime | None = None
    looked_at: datetime | None = None
    seen_at: datetime | None = None
    missing_rights: tuple[str, ...] | None = None
    rights_checked_at: datetime | None = None


def unreachable_cluster_snapshot(name: str, error: RemoteError, at: datetime) -> ClusterSnapshot:
    """Return the snapshot for a failed observation: all sections are unavailable."""
    unavailable = Unavailable(reason=error.reason, message=error.message)
    return ClusterSnapshot(
        cluster=name,
        observed_at=at,
        namespaces=unavailable,
        secrets=unavailable,
        service_accounts=unavailable,
    )


def next_cluster_status(before: ClusterStatus, snapshot: ClusterSnapshot) -> ClusterStatus:
    """Return the status of a cluster after an observation."""
    unavailable = snapshot.first_unavailable
    reachable = unavailable is None
    missing_rights, rights_checked_at = before.missing_rights, before.rights_checked_at
    if isinstance(snapshot.missing_rights, Complete):
        missing_rights = tuple(str(right) for right in snapshot.missing_rights.items)
        rights_checked_at = snapshot.observed_at
    return ClusterStatus(
        reachable=reachable,
        reason=unavailable.reason if unavailable else Reason.CONNECTED,
        message=unavailable.message if unavailable else _describe_lists(snapshot.unreadable),
        since=before.since if before.reachable is reachable else snapshot.observed_at,
        looked_at=snapshot.observed_at,
        seen_at=snapshot.observed_at if reachable else before.seen_at,
        missing_rights=missing_rights,
        rights_checked_at=rights_checked_at,
    )


def _describe_lists(unreadable: Sequence[UnreadableNamespace]) -> str:
    if not unreadable:
        return "all lists were read"
    first, count = unreadable[0], len(unreadable)
    others = f" (and {count - 1} more)" if count > 1 else ""
    return f"all lists were read; namespace {first.name}{others} is left out: {first.message}"
