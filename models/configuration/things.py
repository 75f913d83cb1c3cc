"""The things that documents declare, who owns them, and what is on record about them."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from models.access.binding import Binding, Workspace
from models.clusters.cluster import Cluster
from models.configuration.document import ClusterEntry, RegistryEntry, WorkspaceEntry
from models.configuration.positions import Position
from models.core.base import FrozenModel
from models.registries.record import RegistryRecord
from models.registries.registry import Registry, SecretRef
from models.registries.space import Space, Visibility


class ThingKind(StrEnum):
    """The kinds of things that a document can declare."""

    REGISTRY = "registry"
    SPACE = "space"
    CLUSTER = "cluster"
    WORKSPACE = "workspace"
    BINDING = "binding"


class ThingKey(NamedTuple):
    """Identifies a thing.

    Attributes:
        name: its name; of a binding, the name of the space.
        registry: registry of a space or a binding; empty for others.
        workspace: workspace of a binding; empty for others.
    """

    kind: ThingKind
    name: str
    registry: str = ""
    workspace: str = ""

    def __str__(self) -> str:
        name = f"{self.registry}/{self.name}" if self.registry else self.name
        return f"{self.kind} {name}{f' → {self.workspace}' if self.workspace else ''}"


class BindingSpec(FrozenModel):
    """A binding; its key says everything."""


_BINDING = BindingSpec()


class SpaceSpec(FrozenModel):
    """The desired state of a space; None if it follows its registry."""

    visibility: Visibility | None


Spec = RegistryEntry | SpaceSpec | ClusterEntry | WorkspaceEntry | BindingSpec
"""What a document says about a thing."""


class Declaration(NamedTuple):
    """A thing as a document declares it."""

    key: ThingKey
    spec: Spec
    position: Position


DROPPED = "dropped"
"""Digest of a held binding that a person dropped: it stays so while a file declares it."""


class Mark(FrozenModel):
    """Which document owns a thing.

    Attributes:
        file: name of the file.
        line: where the file declared it when it was last applied.
        digest: digest of what the file said then; if the thing differs from a declaration with the
            same digest, somebody changed it by hand. `DROPPED` if a person dropped it while it was
            held.
    """

    file: str
    line: int
    digest: str


class CurrentThing(NamedTuple):
    """A thing on record.

    Attributes:
        held_reason: why it is held, for a held binding; empty for others.
    """

    spec: Spec
    held_reason: str = ""


class RepeatedNamespace(NamedTuple):
    """A namespace that was created again after a workspace listed it, so it is no member."""

    workspace: str
    cluster: str
    namespace: str


class World(NamedTuple):
    """What is on record.

    Attributes:
        registries: registries by name.
        spaces: spaces of each registry by name.
        things: all things by key.
        marks: who owns them; also things that are not on record any more.
        read_registries: the registries whose spaces were read completely at least once.
        repeated_namespaces: listed namespaces that were created again.
    """

    registries: Mapping[str, Registry]
    spaces: Mapping[str, Mapping[str, Space]]
    things: Mapping[ThingKey, CurrentThing]
    marks: Mapping[ThingKey, Mark]
    read_registries: frozenset[str] = frozenset()
    repeated_namespaces: tuple[RepeatedNamespace, ...] = ()

    @classmethod
    def of_records(
        cls,
        registries: Iterable[RegistryRecord],
        spaces: Mapping[str, Mapping[str, Space]],
        clusters: Iterable[Cluster],
        workspaces: Iterable[tuple[Workspace, frozenset[tuple[str, str]]]],
        bindings: Iterable[Binding],
        marks: Mapping[ThingKey, Mark],
        repeated_namespaces: Iterable[tuple[str, str, str]] = (),
    ) -> "World":
        """Return the world of all records.

        Args:
            registries: all registries.
            spaces: their spaces, by registry and name.
            clusters: all clusters.
            workspaces: all workspaces, each with its listed namespaces.
            bindings: all bindings.
            marks: who owns what.
            repeated_namespaces: see `RepeatedNamespace`.
        """
        records = tuple(registries)
        specs: dict[ThingKey, Spec] = {}
        for record in records:
            key = ThingKey(ThingKind.REGISTRY, record.registry.name)
            specs[key] = RegistryEntry.from_registry(record.registry)
        for cluster in clusters:
            key = ThingKey(ThingKind.CLUSTER, cluster.name)
            specs[key] = ClusterEntry.from_cluster(cluster)
        for workspace, listed in workspaces:
            key = ThingKey(ThingKind.WORKSPACE, workspace.name)
            specs[key] = WorkspaceEntry.from_workspace(workspace, listed)
        for registry, by_name in spaces.items():
            for space in by_name.values():
                key = ThingKey(ThingKind.SPACE, space.name, registry)
                specs[key] = SpaceSpec.model_construct(visibility=space.desired)
        things = {key: CurrentThing(spec) for key, spec in specs.items()}
        for binding in bindings:
            key = ThingKey(ThingKind.BINDING, binding.space, binding.registry, binding.workspace)
            things[key] = CurrentThing(_BINDING, binding.held_reason if binding.is_held else "")
        return cls(
            registries={record.registry.name: record.registry for record in records},
            spaces=spaces,
            things=things,
            marks=marks,
            read_registries=frozenset(
                record.registry.name for record in records if record.spaces_read_at
            ),
            repeated_namespaces=tuple(RepeatedNamespace(*names) for names in repeated_namespaces),
        )

    @property
    def secret_clusters(self) -> frozenset[str]:
        """The clusters that contain the password of a managed Harbor."""
        references = (registry.credential for registry in self.registries.values())
        return frozenset(ref.cluster for ref in references if isinstance(ref, SecretRef))
