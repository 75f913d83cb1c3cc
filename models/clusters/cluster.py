"""Kubernetes clusters: what they are to this service, and what was seen of them."""

from datetime import datetime

from models.core.availability import Seen, Unseen
from models.core.base import Value
from models.core.errors import ClusterError
from models.core.reasons import Reason
from models.registries.registry import BlockRef

SECRET_NAME = "registry-integration"  # noqa: S105 - the name of a Secret, no secret
"""The one name of pull secrets, in every namespace: rights can be limited to it."""

ACCOUNT_NAME = "default"
"""The ServiceAccount that pods of a namespace run as unless they name another."""

FIELD_MANAGER = "registry-integration"
"""Who we are in server-side apply."""

MANAGED_BY = "app.kubernetes.io/managed-by"
"""Label of what we made: https://kubernetes.io/docs/reference/labels-annotations-taints/"""

INSTALLATION = "registry-integration.io/installation"
"""Label that tells which installation of this service made it: a cluster may serve two."""


class Cluster(Value):
    """A Kubernetes cluster of the platform.

    Attributes:
        credential: the block that holds its kubeconfig; None for the cluster this service runs in.
        links_accounts: whether the pull secret is added to the default ServiceAccount.
    """

    name: str
    credential: BlockRef | None = None
    links_accounts: bool = True
    description: str = ""


class ObservedNamespace(Value):
    """A namespace as the cluster shows it; of its labels only those that may name a workspace."""

    name: str
    uid: str
    labels: tuple[tuple[str, str], ...] = ()
    terminating: bool = False


class ObservedSecret(Value):
    """A Secret of our name.

    Attributes:
        uid, version: identify exactly what was seen, so that nothing else is removed.
        ours: it carries our mark and this installation's.
        fingerprint: keyed digest of what it holds; None if it holds no dockerconfigjson.
    """

    namespace: str
    uid: str
    version: str
    ours: bool
    fingerprint: str | None = None


class ObservedAccount(Value):
    """A default ServiceAccount, and whether it hands out our pull secret."""

    namespace: str
    linked: bool


class ClusterSnapshot(Value):
    """One look at one cluster. Each section is complete or unseen, with the reason."""

    cluster: str
    taken_at: datetime
    seconds: float = 0.0
    namespaces: Seen[ObservedNamespace] | Unseen
    secrets: Seen[ObservedSecret] | Unseen
    accounts: Seen[ObservedAccount] | Unseen

    @property
    def unseen(self) -> Unseen | None:
        """The first section that could not be read."""
        sections = (self.namespaces, self.secrets, self.accounts)
        return next((each for each in sections if isinstance(each, Unseen)), None)


class ClusterState(Value):
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


def unseen_cluster(name: str, error: ClusterError, at: datetime) -> ClusterSnapshot:
    """Turn a failed look into a snapshot that says so, and justifies no change."""
    nothing = Unseen(reason=error.reason, message=error.said)
    return ClusterSnapshot(
        cluster=name, taken_at=at, namespaces=nothing, secrets=nothing, accounts=nothing
    )


def state_after(before: ClusterState, snapshot: ClusterSnapshot) -> ClusterState:
    """Say how a cluster is, after a look at it."""
    unseen = snapshot.unseen
    reachable = unseen is None
    return ClusterState(
        reachable=reachable,
        reason=unseen.reason if unseen else Reason.CONNECTED,
        message=unseen.message if unseen else "all is read",
        since=before.since if before.reachable is reachable else snapshot.taken_at,
        looked_at=snapshot.taken_at,
        seen_at=snapshot.taken_at if reachable else before.seen_at,
    )
