"""What pages show of access; `build_views.py` puts it together from what is on record."""

from collections.abc import Mapping
from datetime import datetime

from models.access.binding import Binding, Workspace
from models.clusters.cluster import ClusterState
from models.clusters.membership import Namespace
from models.clusters.pull_secret import Delivery
from models.core.base import Value
from models.registries.record import Dossier
from models.registries.registry import Registry
from models.registries.robots import Grant
from models.registries.space import Space
from models.tables import AuditRow


class Facts(Value):
    """What is on record about access; read at once.

    Attributes:
        workspaces: those that are asked about.
        history: what last happened to each of them.
        spaces: those that are bound, by registry and name.
        clusters: how they were last found, by name.
        failures: what was last said when a grant failed, by registry and workspace.
    """

    at: datetime
    workspaces: tuple[Workspace, ...] = ()
    history: Mapping[str, tuple[AuditRow, ...]] = {}
    dossiers: tuple[Dossier, ...] = ()
    bindings: tuple[Binding, ...] = ()
    spaces: Mapping[tuple[str, str], Space] = {}
    grants: tuple[Grant, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    clusters: Mapping[str, ClusterState] = {}
    failures: Mapping[tuple[str, str], str] = {}


class BoundSpace(Value):
    """A space that a workspace is bound to.

    Attributes:
        space: as it is known; None if it is not.
        waiting: why not every namespace can pull it now; empty if each can.
    """

    binding: Binding
    space: Space | None = None
    waiting: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it took until every namespace had it; None while not every one ever had."""
        if self.binding.effective_at is None:
            return None
        return max((self.binding.effective_at - self.binding.bound_at).total_seconds(), 0.0)


class BoundRegistry(Value):
    """A registry that a workspace is bound to, with the robot accounts made for it there."""

    registry: Registry
    spaces: int
    grants: tuple[Grant, ...] = ()


class Member(Value):
    """A namespace of a workspace, and how its pull secret is; None if none is due."""

    namespace: Namespace
    delivery: Delivery | None = None


class WorkspaceView(Value):
    """One workspace with all that belongs to it."""

    at: datetime
    workspace: Workspace
    spaces: tuple[BoundSpace, ...] = ()
    registries: tuple[BoundRegistry, ...] = ()
    members: tuple[Member, ...] = ()
    history: tuple[AuditRow, ...] = ()


class Share(Value):
    """What one workspace has of one registry.

    Attributes:
        spaces: how many it is bound to; held bindings are not counted.
        waiting: how many of its spaces not every namespace can pull now; `why` is the first's.
    """

    workspace: str
    spaces: int
    grants: tuple[Grant, ...] = ()
    waiting: int = 0
    why: str = ""


class RegistryAccess(Value):
    """Who may pull from one registry, and how quickly that came about.

    Attributes:
        in_force: how many bindings were seen to be in every namespace.
        median, worst: seconds that took; None if there are none.
        observer: the robot account that this service observes with.
        held: bindings that grant nothing until somebody restores or drops them.
    """

    at: datetime
    shares: tuple[Share, ...] = ()
    held: tuple[Binding, ...] = ()
    in_force: int = 0
    median: float | None = None
    worst: float | None = None
    observer: Grant | None = None

    @property
    def waiting(self) -> int:
        """How many bindings not every namespace can use now."""
        return sum(share.waiting for share in self.shares)
