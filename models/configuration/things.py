"""The things that documents declare, who owns them, and what is on record about them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from models.configuration.document import ClusterEntry, RegistryEntry, WorkspaceEntry
from models.configuration.positions import Position
from models.core.base import FrozenModel
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


class Mark(FrozenModel):
    """Which document owns a thing.

    Attributes:
        file: name of the file.
        line: where the file declared it when it was last applied.
        digest: digest of what the file said then; if the thing differs from a declaration with the
            same digest, somebody changed it by hand.
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

    @property
    def secret_clusters(self) -> frozenset[str]:
        """The clusters that contain the password of a managed Harbor."""
        references = (registry.credential for registry in self.registries.values())
        return frozenset(ref.cluster for ref in references if isinstance(ref, SecretRef))
