"""Whom discovery trusts: objects in namespaces that the platform marks, and objects that a person
named. What is anywhere else is listed, and neither read further nor contacted."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from models.core.availability import Complete
from models.core.base import FrozenModel
from models.discovery.managed_harbor import HarborRef, HarborSourceKind, ManagedHarbor

MANAGED_LABEL = "registry-integration.io/managed-harbors"
"""The namespace label; a tenant with the role `edit` in a namespace cannot set it."""

MANAGED_LABEL_VALUE = "true"

TRUST_PENDING_TIMEOUT = timedelta(hours=1)
"""How long an object that a person named may take to appear."""


class TrustedObject(FrozenModel):
    """An object that a person trusts to stand for a Harbor, in whatever namespace.

    Attributes:
        kind, uid: the very object; None and empty until it is there.
        trusted_at: when a person named it (UTC).
    """

    cluster: str
    namespace: str
    name: str
    kind: HarborSourceKind | None = None
    uid: str = ""
    trusted_at: datetime

    def covers(self, ref: HarborRef, uid: str) -> bool:
        """Whether it is this object, or may still become it."""
        if (ref.cluster, ref.namespace, ref.name) != self._name_key:
            return False
        return not self.uid or (self.uid == uid and self.kind in (None, ref.kind))

    def is_pending(self, now: datetime) -> bool:
        """Whether the object is still to appear, and may."""
        return not self.uid and now - self.trusted_at <= TRUST_PENDING_TIMEOUT

    @property
    def _name_key(self) -> tuple[str, str, str]:
        return self.cluster, self.namespace, self.name


class DiscoveryTrust(FrozenModel):
    """Whom discovery trusts.

    Attributes:
        patterns: `cluster/namespace`, each part with the wildcards `*`, `?` and `[...]`.
        objects: those that a person named.
    """

    patterns: tuple[str, ...] = ()
    objects: tuple[TrustedObject, ...] = ()

    def covers_namespace(self, cluster: str, namespace: str, marked: Iterable[str] = ()) -> bool:
        """Whether a whole namespace is trusted.

        Args:
            marked: the namespaces of the cluster that carry the label.
        """
        if namespace in marked:
            return True
        pairs = (pattern.partition("/") for pattern in self.patterns)
        return any(
            fnmatchcase(cluster, of_cluster) and fnmatchcase(namespace, of_namespace)
            for of_cluster, _, of_namespace in pairs
        )

    def covers(self, ref: HarborRef, uid: str, marked: Iterable[str] = ()) -> bool:
        """Whether an object is trusted to say where its Harbor is and how it is opened."""
        return self.covers_namespace(ref.cluster, ref.namespace, marked) or any(
            trusted_object.covers(ref, uid) for trusted_object in self.objects
        )

    def with_pinned_objects(
        self, harbors: Iterable[ManagedHarbor], now: datetime
    ) -> "DiscoveryTrust":
        """Return what is left once the objects that appeared are known: none is pending."""
        new_objects = pin_trusted_objects(self.objects, harbors, now)
        pinned_objects = tuple(
            trusted_object for trusted_object in self.objects if trusted_object.uid
        )
        return self.model_copy(update={"objects": pinned_objects + new_objects})


class CompleteHarbors(Complete[ManagedHarbor]):
    """All managed Harbors of a cluster, and which of its namespaces are trusted.

    Attributes:
        namespaces: all there are.
        marked_namespaces: those with the label.
    """

    namespaces: frozenset[str] = frozenset()
    marked_namespaces: frozenset[str] = frozenset()


def pin_trusted_objects(
    trusted_objects: Iterable[TrustedObject], harbors: Iterable[ManagedHarbor], now: datetime
) -> tuple[TrustedObject, ...]:
    """Return those trusted objects that were named before they were there, with their uid.

    Two objects of one name leave it open which of them was meant: then none is.
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
