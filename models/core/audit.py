"""Audit entries, and the catalog of events they can name."""

from models.core.base import FrozenModel

EVENT_DESCRIPTIONS = {
    "registry.integrated": "a registry was integrated",
    "registry.updated": "address, credentials, TLS, policy or description of a registry changed",
    "registry.adopted": "discovery integrated a managed Harbor, or linked it to a registry",
    "registry.followed": "a managed Harbor's address, Secret or CA changed; its registry follows",
    "registry.replaced": "a managed Harbor was replaced by another instance; its bindings are held",
    "registry.missing": "a managed Harbor is no longer in its cluster",
    "registry.removed": "a registry was removed from this service",
    "space.asked": "a space or a visibility was requested (audit only, never sent)",
    "registry.unhealthy": "a registry cannot be used; the cause is in the reason",
    "registry.degraded": "a registry works only partly; the cause is in the reason",
    "registry.recovered": "a registry is healthy again",
    "space.appeared": "a space was observed for the first time",
    "space.missing": "a space is no longer in its registry",
    "space.returned": "a missing space was observed again",
    "space.recreated": "a space was deleted and recreated in its registry",
    "space.retired": "a space was missing longer than the grace period; its record was deleted",
    "space.visibility-drifted": "a space's visibility was changed in its registry",
    "space.visibility-set": "this service made a space public or private",
    "space.created": "this service created a space",
    "space.change-failed": "a change to a space failed; the cause is in the reason",
    "space.bound": "a workspace was bound to a space; the subject is the space",
    "space.unbound": "a workspace was unbound from a space",
    "space.binding-held": "a space or its Harbor was replaced; its binding grants no access",
    "grant.made": "a robot account was created for a workspace; a rotation has its own reason",
    "grant.changed": "the spaces that a workspace's robot account can pull changed",
    "grant.revoked": "a robot account was deleted",
    "grant.failed": "a change to a robot account failed; the cause is in the reason",
    "workspace.created": "a workspace was created by a run or from a namespace label",
    "workspace.updated": "the ServiceAccounts or the clusters of a workspace changed",
    "workspace.removed": "a workspace was removed",
    "cluster.registered": "a Kubernetes cluster was registered",
    "cluster.updated": "a cluster's credentials or settings changed",
    "cluster.replaced": "a user registered another cluster in the place of one that was rebuilt",
    "cluster.disputed": "a cluster is registered under two names; remove one of them",
    "cluster.rights-missing": "a cluster does not grant rights that pull secrets need",
    "cluster.removed": "a cluster was removed from this service",
    "cluster.unreachable": "a cluster cannot be read (see the reason); no pull secret is deleted",
    "cluster.recovered": "a cluster can be read again",
    "namespace.joined": "a namespace joined a workspace",
    "namespace.left": "a namespace left its workspace",
    "namespace.disputed": "a namespace belongs to no workspace although it is labelled or listed",
    "secret.delivered": "a namespace's pull secret was written",
    "secret.withdrawn": "a namespace's pull secret was deleted",
    "secret.linked": "a pull secret was added to ServiceAccounts; their names are in `after`",
    "secret.link-removed": "someone else removed a pull secret from ServiceAccounts",
    "secret.contested": "someone else keeps changing a pull secret or its ServiceAccounts",
    "installation.restored": "a backup was restored; `after` is its time (audit only, never sent)",
    "secret.failed": "a pull secret could not be written or deleted; the cause is in the reason",
}
"""Each event that this service sends, with its meaning."""


class AuditEntry(FrozenModel):
    """One audit entry.

    Attributes:
        subject: the registry, space, workspace, cluster or namespace concerned.
        action: event name, a key of `EVENT_DESCRIPTIONS`.
        before, after: the values before and after the change.
        reason: human-readable reason.
        cluster, workspace: the cluster and the workspace whose history also lists the entry.
        emit_event: whether to send a Prefect event for the entry.
    """

    subject: str
    action: str
    before: str = ""
    after: str = ""
    reason: str = ""
    cluster: str = ""
    workspace: str = ""
    emit_event: bool = True
