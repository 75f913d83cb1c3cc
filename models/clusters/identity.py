"""The identity of a cluster: the uid of its namespace kube-system.

Kubernetes has no id of a cluster. Every API server creates this namespace, and its uid is kept as
long as the cluster's database: https://opentelemetry.io/docs/specs/semconv/resource/k8s/#cluster
A name, an address and a CA certificate can be those of another cluster.
"""

from collections.abc import Iterable

from models.clusters.cluster import Cluster, ClusterSnapshot
from models.core.availability import Unavailable
from models.core.errors import InvalidRequest
from models.core.reasons import Reason


def identity_objection(cluster: Cluster, uid: str) -> Unavailable | None:
    """Return why what was read may be of another cluster; None if it is the registered one.

    A cluster whose identity is not on record yet is accepted with the first one that is read.

    Args:
        cluster: the registered cluster.
        uid: the observed identity; empty if it was not in the list of namespaces.
    """
    if not uid:
        message = (
            "its list of namespaces does not contain kube-system, whose uid identifies a cluster; "
            "nothing was changed. Use a kubeconfig that lists all namespaces, see "
            "deployments/kubernetes/rbac.yaml"
        )
        return Unavailable(reason=Reason.IDENTITY_UNPROVED, message=message)
    if cluster.uid in ("", uid):
        return None
    source = str(cluster.credential) if cluster.credential else "own ServiceAccount"
    message = (
        f"the {source} leads to another cluster: its namespace kube-system has the uid {uid}, that "
        f"of {cluster.name} has {cluster.uid}; nothing was changed. Correct the kubeconfig or, if "
        "the cluster was rebuilt, run register-cluster with 'Replace' on"
    )
    return Unavailable(reason=Reason.CLUSTER_REPLACED, message=message)


def confirm_identity(cluster: Cluster, snapshot: ClusterSnapshot) -> ClusterSnapshot:
    """Return the snapshot; without anything that was read if it may be of another cluster."""
    if isinstance(snapshot.namespaces, Unavailable):
        return snapshot
    objection = identity_objection(cluster, snapshot.uid)
    return snapshot if objection is None else snapshot.without_content(objection)


def same_clusters(cluster: Cluster, registered: Iterable[Cluster]) -> tuple[str, ...]:
    """Return the other names under which a cluster is registered."""
    return tuple(
        other.name
        for other in registered
        if other.uid == cluster.uid and other.name != cluster.name
    )


def check_registration(cluster: Cluster, registered: Iterable[Cluster], *, replace: bool) -> None:
    """Check that a cluster has one name, and a name one cluster.

    Args:
        cluster: the cluster to register, with its observed identity.
        registered: all registered clusters.
        replace: whether a user confirmed that another cluster takes the place of the registered
            one, because it was rebuilt.

    Raises:
        InvalidRequest: the cluster has another name already, or another cluster has this name.
    """
    others = {other.name: other for other in registered}
    before = others.pop(cluster.name, None)
    names = same_clusters(cluster, others.values()) if cluster.uid else ()
    if names and (before is None or before.uid != cluster.uid):
        raise InvalidRequest(
            f"this cluster is already registered as {', '.join(names)} (uid {cluster.uid} of "
            f"kube-system); nothing was saved. Use that name, or run remove-cluster for it first"
        )
    objection = identity_objection(before, cluster.uid) if before and before.uid else None
    if objection and not replace:
        raise InvalidRequest(f"cluster {cluster.name}: {objection.message}")


def is_replacement(before: Cluster | None, after: Cluster, *, is_declared: bool = False) -> bool:
    """Return whether another cluster takes the place of the registered one.

    Args:
        before: the registered cluster.
        after: the cluster that is registered now.
        is_declared: whether a person says so; then a missing identity on record proves nothing.
    """
    if before is None or not after.uid or before.uid == after.uid:
        return False
    return bool(before.uid) or is_declared


def possible_duplicates(
    cluster: Cluster, uid: str, registered: Iterable[Cluster]
) -> tuple[str, ...]:
    """Return the other names that are, or may be, those of the same cluster.

    Args:
        cluster: the registered cluster.
        uid: its observed identity.
        registered: all registered clusters; one whose identity is not on record may be any.
    """
    return tuple(
        other.name for other in registered if other.uid in ("", uid) and other.name != cluster.name
    )
