"""One line of the audit, and every event that it may name."""

from models.core.base import FrozenModel

EVENT_DESCRIPTIONS = {
    "registry.integrated": "a registry was integrated",
    "registry.updated": "address, credentials, TLS, policy or description of a registry changed",
    "registry.adopted": "a managed Harbor was integrated by itself, or took one over",
    "registry.followed": "a managed Harbor's address, Secret or authority changed, and is followed",
    "registry.replaced": "a managed Harbor is another one inside; its bindings are held",
    "registry.missing": "a managed Harbor is not in its cluster any more",
    "registry.removed": "a registry was removed from this service",
    "space.asked": "somebody asked for a space or a visibility (audit only, never sent)",
    "registry.unhealthy": "a registry cannot be used: the reason says why",
    "registry.degraded": "a registry works, but not all of it: the reason says what",
    "registry.recovered": "a registry is healthy again",
    "space.appeared": "a space was seen for the first time",
    "space.missing": "a space is not in its registry any more",
    "space.returned": "a missing space is back",
    "space.recreated": "a space was deleted and made again in its registry",
    "space.retired": "a space was missing beyond its grace and is forgotten",
    "space.visibility-drifted": "a space's visibility was changed in its registry",
    "space.visibility-set": "this service made a space public or private",
    "space.created": "this service created a space",
    "space.change-failed": "a change to a space failed: the reason says why",
    "space.bound": "a workspace may pull a space from now on; the subject is space, then workspace",
    "space.unbound": "a workspace may not pull a space any more",
    "space.binding-held": "a space or its Harbor is another one now: its binding grants nothing",
    "grant.made": "a robot account was made for a workspace; the reason tells if it is a rotation",
    "grant.changed": "a workspace's robot account may pull other spaces than before",
    "grant.revoked": "a robot account was deleted",
    "grant.failed": "a robot account could not be made, changed or deleted: the reason says why",
    "workspace.created": "a workspace was created, by hand or because a label names it",
    "workspace.removed": "a workspace was removed",
    "cluster.registered": "a Kubernetes cluster was registered",
    "cluster.updated": "a cluster's credentials or settings changed",
    "cluster.removed": "a cluster was removed from this service",
    "cluster.unreachable": "a cluster cannot be read: the reason says why; nothing is withdrawn",
    "cluster.recovered": "a cluster can be read again",
    "namespace.joined": "a namespace belongs to a workspace from now on",
    "namespace.left": "a namespace does not belong to its workspace any more",
    "namespace.disputed": "a namespace is claimed by several workspaces and belongs to none",
    "secret.delivered": "a namespace's pull secret was written",
    "secret.withdrawn": "a namespace's pull secret was deleted",
    "secret.failed": "a pull secret could not be written or deleted: the reason says why",
}
"""Every event this service sends, and what it means."""


class AuditEntry(FrozenModel):
    """One line of the audit.

    Attributes:
        subject: what it is about: a registry, a space, a workspace, a cluster or a namespace.
        cluster, workspace: whose audit it belongs to besides the registry's.
        action: the event's name.
        reason: the reason, for people.
    """

    subject: str
    action: str
    before: str = ""
    after: str = ""
    reason: str = ""
    cluster: str = ""
    workspace: str = ""
    emit_event: bool = True
