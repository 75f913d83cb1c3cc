"""Objects that discovery trusts: in namespaces that the platform labels, or named by a user.

Untrusted objects are only listed: their references are not read and their addresses not contacted.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from models.core.base import FrozenModel
from models.discovery.managed_harbor import HarborRef, HarborSourceKind, ManagedHarbor

MANAGED_LABEL = "registry-integration.io/managed-harbors"
"""The namespace label for trust; a tenant with the role `edit` in a namespace cannot set it."""

MANAGED_LABEL_VALUE = "true"

TRUST_PENDING_TIMEOUT = timedelta(hours=1)
"""How long the trust in an object that does not exist yet is valid."""


class TrustedObject(FrozenModel):
    """An object in any namespace that a user trusts as a managed Harbor.

    Attributes:
        kind, uid: identify the object; None and empty until it is observed.
        trusted_at: when the user named it (UTC).
    """

    cluster: str
    namespace: str
    name: str
    kind: HarborSourceKind | None = None
    uid: str = ""
    trusted_at: datetime

    def covers(self, ref: HarborRef, uid: str) -> bool:
        """Return whether it is this object, or can be pinned to it."""
        if (ref.cluster, ref.namespace, ref.name) != self._name_key:
            return False
        return not self.uid or (self.uid == uid and self.kind in (None, ref.kind))

    def is_pending(self, now: datetime) -> bool:
        """Return whether the object was not observed yet and the trust is still valid."""
        return not self.uid and now - self.trusted_at <= TRUST_PENDING_TIMEOUT

    def is_expired(self, now: datetime) -> bool:
        """Return whether the object was not observed in time."""
        return not self.uid and not self.is_pending(now)

    @property
    def _name_key(self) -> tuple[str, str, str]:
        return self.cluster, self.namespace, self.name


class DiscoveryTrust(FrozenModel):
    """The namespaces and objects that discovery trusts.

    Attributes:
        patterns: `cluster/namespace`, each part with the wildcards `*`, `?` and `[...]`.
        objects: objects that a user named.
    """

    patterns: tuple[str, ...] = ()
    objects: tuple[TrustedObject, ...] = ()

    def covers_namespace(self, cluster: str, namespace: str, marked: Iterable[str] = ()) -> bool:
        """Return whether a whole namespace is trusted.

        Args:
            cluster: name of the cluster.
            namespace: name of the namespace.
            marked: the namespaces of the cluster with the label.
        """
        if namespace in marked:
            return True
        pairs = (pattern.partition("/") for pattern in self.patterns)
        return any(
            fnmatchcase(cluster, cluster_pattern) and fnmatchcase(namespace, namespace_pattern)
            for cluster_pattern, _, namespace_pattern in pairs
        )

    def covers(self, ref: HarborRef, uid: str, marked: Iterable[str] = ()) -> bool:
        """Return whether an object is trusted to define its Harbor's address and password."""
        return self.covers_namespace(ref.cluster, ref.namespace, marked) or any(
            trusted_object.covers(ref, uid) for trusted_object in self.objects
        )

    def with_pinned_objects(
        self, harbors: Iterable[ManagedHarbor], now: datetime
    ) -> "DiscoveryTrust":
        """Return the trust with newly observed objects pinned, and without pending objects."""
        new_objects = pin_trusted_objects(self.objects, harbors, now)
        pinned_objects = tuple(
            trusted_object for trusted_object in self.objects if trusted_object.uid
        )
        return self.model_copy(update={"objects": pinned_objects + new_objects})


def pin_trusted_objects(
    trusted_objects: Iterable[TrustedObject], harbors: Iterable[ManagedHarbor], now: datetime
) -> tuple[TrustedObject, ...]:
    """Return the pending trusted objects that were observed, with kind and uid.

    If two objects have the same name, the trust is ambiguous and neither is pinned.

    Args:
        trusted_objects: the objects that a user named.
        harbors: the observed Harbors of all sources, see `ClusterHarbors.unambiguous_items`.
        now: time of the observation (UTC).
    """
    harbors = tuple(harbors)
    pinned = []
    for pending in (
        trusted_object for trusted_object in trusted_objects if trusted_object.is_pending(now)
    ):
        candidates = [harbor for harbor in harbors if pending.covers(harbor.ref, harbor.uid)]
        if len(candidates) == 1:
            update = {"kind": candidates[0].ref.kind, "uid": candidates[0].uid}
            pinned.append(pending.model_copy(update=update))
    return tuple(pinned)
