"""The access views of pages; `build_views.py` builds them from the records."""

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
    """The records about access, read in one transaction.

    Attributes:
        workspaces: workspaces to build views for.
        history: last audit entries by workspace.
        spaces: bound spaces by registry and name.
        listed: (cluster, namespace) of the namespaces that are listed for a workspace.
        cluster_statuses: statuses by cluster.
        robot_failures: last error of a robot account by registry and workspace.
    """

    at: datetime
    workspaces: tuple[Workspace, ...] = ()
    history: Mapping[str, tuple[AuditRow, ...]] = {}
    registries: tuple[RegistryRecord, ...] = ()
    bindings: tuple[Binding, ...] = ()
    spaces: Mapping[tuple[str, str], Space] = {}
    robots: tuple[RobotAccount, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    listed: Mapping[str, frozenset[tuple[str, str]]] = {}
    pull_secrets: tuple[PullSecretStatus, ...] = ()
    cluster_statuses: Mapping[str, ClusterStatus] = {}
    robot_failures: Mapping[tuple[str, str], str] = {}


class BoundSpace(FrozenModel):
    """A binding with its space.

    Attributes:
        space: the space on record; None if there is none.
        pending_reason: why not all namespaces can pull it now; empty if all can.
    """

    binding: Binding
    space: Space | None = None
    pending_reason: str = ""

    @property
    def rollout_seconds(self) -> float | None:
        """Seconds from binding to roll-out in all namespaces; None before the roll-out."""
        if self.binding.effective_at is None:
            return None
        return max((self.binding.effective_at - self.binding.bound_at).total_seconds(), 0.0)


class BoundRegistry(FrozenModel):
    """A registry that a workspace is bound to, with the workspace's robot accounts.

    Attributes:
        pull_user_problem: why its namespaces receive no pull-only user; empty if they do, or if the
            registry has none.
    """

    registry: Registry
    space_count: int
    robots: tuple[RobotAccount, ...] = ()
    pull_user_problem: str = ""


class WorkspaceNamespace(FrozenModel):
    """A namespace of a workspace with its pull secret; None if it needs none."""

    namespace: Namespace
    pull_secret: PullSecretStatus | None = None


class WorkspaceView(FrozenModel):
    """The view of one workspace.

    Attributes:
        refused: namespaces that are listed for it and do not belong to it because of a problem.
    """

    at: datetime
    workspace: Workspace
    spaces: tuple[BoundSpace, ...] = ()
    registries: tuple[BoundRegistry, ...] = ()
    members: tuple[WorkspaceNamespace, ...] = ()
    refused: tuple[Namespace, ...] = ()
    history: tuple[AuditRow, ...] = ()


class WorkspaceAccess(FrozenModel):
    """The access of one workspace to one registry.

    Attributes:
        space_count: number of bound spaces, without held bindings.
        pending_count: number of bound spaces that not all namespaces can pull now.
        pending_reason: the reason for the first pending space.
    """

    workspace: str
    space_count: int
    robots: tuple[RobotAccount, ...] = ()
    pending_count: int = 0
    pending_reason: str = ""


class RegistryAccessView(FrozenModel):
    """The workspaces with access to one registry, and the durations of roll-outs.

    Attributes:
        held_bindings: bindings that grant no access until they are restored or dropped.
        effective_count: number of bindings that are rolled out to all namespaces.
        median_seconds, max_seconds: seconds from binding to roll-out; None without a roll-out.
        observer: the robot account that this service uses for observations.
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
        """Number of bindings that are not rolled out to all namespaces now."""
        return sum(workspace.pending_count for workspace in self.workspaces)
