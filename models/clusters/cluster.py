"""Kubernetes clusters: what they are to this service, and what was seen of them."""

from datetime import datetime

from models.core.availability import Complete, Unavailable
from models.core.base import FrozenModel
from models.core.errors import ClusterError
from models.core.reasons import Reason
from models.registries.registry import BlockRef

PULL_SECRET_NAME = "registry-integration"  # noqa: S105 - the name of a Secret, no secret
"""The one name of pull secrets, in every namespace: rights can be limited to it."""

SERVICE_ACCOUNT_NAME = "default"
"""The ServiceAccount that pods of a namespace run as unless they name another."""

FIELD_MANAGER = "registry-integration"
"""Who we are in server-side apply."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
"""Label of what we made: https://kubernetes.io/docs/reference/labels-annotations-taints/"""

INSTALLATION_LABEL = "registry-integration.io/installation"
"""Label that tells which installation of this service made it: a cluster may serve two."""


class Cluster(FrozenModel):
    """A Kubernetes cluster of the platform.

    Attributes:
        credential: the block that holds its kubeconfig; None for the cluster this service runs in.
        links_accounts: whether the pull secret is added to the default ServiceAccount.
    """

    name: str
    credential: BlockRef | None = None
    links_accounts: bool = True
    description: str = ""


class ObservedNamespace(FrozenModel):
    """A namespace as the cluster shows it; of its labels only those that may name a workspace."""

    name: str
    uid: str
    labels: tuple[tuple[str, str], ...] = ()
    terminating: bool = False


class ObservedPullSecret(FrozenModel):
    """A Secret of our name.

    Attributes:
        uid, version: identify exactly what was seen, so that nothing else is removed.
        is_owned: it carries our mark and this installation's.
        fingerprint: keyed digest of what it holds; None if it holds no dockerconfigjson.
    """

    namespace: str
    uid: str
    resource_version: str
    is_owned: bool
    fingerprint: str | None = None


class ObservedServiceAccount(FrozenModel):
    """A default ServiceAccount, and whether it hands out our pull secret."""

    namespace: str
    has_pull_secret: bool


class ClusterSnapshot(FrozenModel):
    """One look at one cluster. Each section is complete or unseen, with the reason."""

    cluster: str
    observed_at: datetime
    seconds: float = 0.0
    namespaces: Complete[ObservedNamespace] | Unavailable
    secrets: Complete[ObservedPullSecret] | Unavailable
    service_accounts: Complete[ObservedServiceAccount] | Unavailable

    @property
    def first_unavailable(self) -> Unavailable | None:
        """The first section that could not be read."""
        sections = (self.namespaces, self.secrets, self.service_accounts)
        return next((section for section in sections if isinstance(section, Unavailable)), None)


class ClusterStatus(FrozenModel):
    """How a cluster was last found.

    Attributes:
        looked_at: the last attempt (UTC); None before the first.
        seen_at: the last complete look.
        reason, message: why it could not be read, or that it could.
        since: when `reachable` last changed.
    """

    reachable: bool | None = None
    reason: Reason = Reason.NOT_PROBED
    message: str = "not looked at yet"
    since: datetime | None = None
    looked_at: datetime | None = None
    seen_at: datetime | None = None


def unreachable_cluster_snapshot(name: str, error: ClusterError, at: datetime) -> ClusterSnapshot:
    """Turn a failed look into a snapshot that says so, and justifies no change."""
    unavailable = Unavailable(reason=error.reason, message=error.message)
    return ClusterSnapshot(
        cluster=name,
        observed_at=at,
        namespaces=unavailable,
        secrets=unavailable,
        service_accounts=unavailable,
    )


def next_cluster_status(before: ClusterStatus, snapshot: ClusterSnapshot) -> ClusterStatus:
    """Say how a cluster is, after a look at it."""
    unavailable = snapshot.first_unavailable
    reachable = unavailable is None
    return ClusterStatus(
        reachable=reachable,
        reason=unavailable.reason if unavailable else Reason.CONNECTED,
        message=unavailable.message if unavailable else "all is read",
        since=before.since if before.reachable is reachable else snapshot.observed_at,
        looked_at=snapshot.observed_at,
        seen_at=snapshot.observed_at if reachable else before.seen_at,
    )
