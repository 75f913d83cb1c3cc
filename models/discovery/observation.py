"""The managed Harbors of one cluster, as observed: each source is complete or unavailable."""

from collections.abc import Iterable, Mapping

from models.core.availability import Unavailable
from models.core.base import FrozenModel
from models.core.errors import NEEDS_PERSON_REASONS
from models.core.reasons import Reason
from models.discovery.managed_harbor import HarborSourceKind, ManagedHarbor


class ClusterHarbors(FrozenModel):
    """The managed Harbors of a cluster whose namespaces were read.

    Attributes:
        items: the Harbors of all sources that were read completely.
        namespaces: all namespaces.
        marked_namespaces: namespaces with the label for trust.
        cluster_uid: identity of the cluster; empty if its namespace is not in the list.
        unavailable: sources that could not be read completely. A Harbor of such a source may exist
            although it is not in `items`.
    """

    items: tuple[ManagedHarbor, ...]
    namespaces: frozenset[str] = frozenset()
    marked_namespaces: frozenset[str] = frozenset()
    cluster_uid: str = ""
    unavailable: Mapping[HarborSourceKind, Unavailable] = {}

    def has_source(self, kind: HarborSourceKind) -> bool:
        """Return whether all Harbors of a source are in `items`."""
        return kind not in self.unavailable

    @property
    def unambiguous_items(self) -> tuple[ManagedHarbor, ...]:
        """The Harbors, if no other object can have the name of one; none otherwise.

        Two objects of different sources can have one name, so all sources are necessary.
        """
        return () if self.unavailable else self.items


class UnavailableHarbors(FrozenModel):
    """Harbors that could not be read; they keep their state.

    Attributes:
        source: the only source that could not be read; None for all of the cluster.
    """

    cluster: str
    source: HarborSourceKind | None = None
    reason: Reason
    message: str

    @property
    def needs_person(self) -> bool:
        """Whether it cannot be read until a person corrects the registration of the cluster."""
        return self.source is None and self.reason in NEEDS_PERSON_REASONS

    @property
    def label(self) -> str:
        """The cluster, and the source if it is only one."""
        return f"cluster {self.cluster}" + (f", source {self.source}" if self.source else "")

    def __str__(self) -> str:
        return f"{self.label}: {self.message}"


def list_unavailable(
    sections: Mapping[str, ClusterHarbors | Unavailable],
) -> tuple[UnavailableHarbors, ...]:
    """Return what could not be read.

    Args:
        sections: observed Harbors by cluster.
    """
    return tuple(
        UnavailableHarbors(
            cluster=cluster, source=source, reason=failure.reason, message=failure.message
        )
        for cluster, section in sections.items()
        for source, failure in _failures(section)
    )


def _failures(
    section: ClusterHarbors | Unavailable,
) -> Iterable[tuple[HarborSourceKind | None, Unavailable]]:
    return ((None, section),) if isinstance(section, Unavailable) else section.unavailable.items()
