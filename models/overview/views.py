"""What pages show of access; `build_views.py` puts it together from what is on record."""

from collections.abc import Mapping
from datetime import datetime

from models.access.binding import Binding, Workspace
from models.clusters.cluster import ClusterStatus
from models.clusters.membership import Namespace
from models.clusters.pull_secret import PullSecretStatus
from models.core.base import FrozenModel
from models.registries.record import RegistryRecord
from models.registries.registry import Registry
from models.registries.robots import RobotAccount
from models.registries.space import Space
from models.tables import AuditRow


class AccessFacts(FrozenModel):
    """What is on record about access; read at once.

    Attributes:
        workspaces: those that are asked about.
        history: what last happened to each of them.
        spaces: those that are bound, by registry and name.
        cluster_statuses: how they were last found, by name.
        robot_failures: what was last said when a grant failed, by registry and workspace.
    """

    at: datetime
    workspaces: tuple[Workspace, ...] = ()
    history: Mapping[str, tuple[AuditRow, ...]] = {}
    registries: tuple[RegistryRecord, ...] = ()
    bindings: tuple[Binding, ...] = ()
    spaces: Mapping[tuple[str, str], Space] = {}
    robots: tuple[RobotAccount, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    pull_secrets: tuple[PullSecretStatus, ...] = ()
    cluster_statuses: Mapping[str, ClusterStatus] = {}
    robot_failures: Mapping[tuple[str, str], str] = {}


class BoundSpace(FrozenModel):
    """A space that a workspace is bound to.

    Attributes:
        space: as it is known; None if it is not.
        pending_reason: why not every namespace can pull it now; empty if each can.
    """

    binding: Binding
    space: Space | None = None
    pending_reason: str = ""

    @property
    def rollout_seconds(self) -> float | None:
        """How long it took until every namespace had it; None while not every one ever had."""
        if self.binding.effective_at is None:
            return None
        return max((self.binding.effective_at - self.binding.bound_at).total_seconds(), 0.0)


class BoundRegistry(FrozenModel):
    """A registry that a workspace is bound to, with the robot accounts made for it there."""

    registry: Registry
    space_count: int
    robots: tuple[RobotAccount, ...] = ()


class WorkspaceNamespace(FrozenModel):
    """A namespace of a workspace, and how its pull secret is; None if none is due."""

    namespace: Namespace
    pull_secret: PullSecretStatus | None = None


class WorkspaceView(FrozenModel):
    """One workspace with all that belongs to it."""

    at: datetime
    workspace: Workspace
    spaces: tuple[BoundSpace, ...] = ()
    registries: tuple[BoundRegistry, ...] = ()
    members: tuple[WorkspaceNamespace, ...] = ()
    history: tuple[AuditRow, ...] = ()


class WorkspaceAccess(FrozenModel):
    """What one workspace has of one registry.

    Attributes:
        space_count: how many it is bound to; held bindings are not counted.
        pending_count: how many of its spaces not every namespace can pull now; `pending_reason` is
            the first's.
    """

    workspace: str
    space_count: int
    robots: tuple[RobotAccount, ...] = ()
    pending_count: int = 0
    pending_reason: str = ""


class RegistryAccessView(FrozenModel):
    """Who may pull from one registry, and how quickly that came about.

    Attributes:
        effective_count: how many bindings were seen to be in every namespace.
        median_seconds, worst: seconds that took; None if there are none.
        observer: the robot account that this service observes with.
        held_bindings: bindings that grant nothing until somebody restores or drops them.
    """

    at: datetime
    workspaces: tuple[WorkspaceAccess, ...] = ()
    held_bindings: tuple[Binding, ...] = ()
    effective_count: int = 0
    median_seconds: float | None = None
    max_seconds: float | None = None
    observer: RobotAccount | None = None

    @property
    def pending_count(self) -> int:
        """How many bindings not every namespace can use now."""
        return sum(share.pending_count for share in self.workspaces)
