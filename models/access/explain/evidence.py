"""The evidence for explain-access: current observations and records."""

from datetime import datetime

from models.access.binding import Binding
from models.access.explain.explanation import Question
from models.access.rotation import current_robots
from models.clusters.cluster import (
    SERVICE_ACCOUNT_NAME,
    Cluster,
    ClusterSnapshot,
    ClusterStatus,
    ObservedPod,
)
from models.clusters.membership import Namespace
from models.clusters.pull_secret import DesiredPullSecret, PullSecretStatus
from models.clusters.service_account_choice import ServiceAccountChoice
from models.core.availability import Complete, Unavailable
from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.registries.condition import ConditionType
from models.registries.observation import Snapshot
from models.registries.record import RegistryRecord
from models.registries.registry import Capabilities
from models.registries.robots import RobotAccount
from models.registries.space import ObservedSpace, Space, Visibility


class ClusterEvidence(FrozenModel):
    """The evidence about the cluster and the namespace.

    Attributes:
        status: status of the cluster after the last sync.
        snapshot: current observation of the namespace.
        namespace: the namespace by that observation, or the record if it could not be read.
        labels: keys of the workspace labels.
        pull_secret_status: status of its pull secret on record.
        desired: desired pull secret; None if the namespace needs none.
        desired_error: why the desired pull secret is not known.
        choice: ServiceAccounts that the namespace's workspace chooses.
        service_account: the ServiceAccount that is asked about; empty for all chosen ones.
        pod: the pod that is asked about, as observed now; None if none is.
    """

    cluster: Cluster
    status: ClusterStatus
    snapshot: ClusterSnapshot
    namespace: Namespace | None = None
    labels: tuple[str, ...] = ()
    pull_secret_status: PullSecretStatus | None = None
    desired: DesiredPullSecret | None = None
    desired_error: str = ""
    choice: ServiceAccountChoice = ServiceAccountChoice()
    service_account: str = SERVICE_ACCOUNT_NAME
    pod: Complete[ObservedPod] | Unavailable | None = None

    @property
    def unavailable(self) -> Unavailable | None:
        """Why the namespace could not be read; None if it was read."""
        return (
            self.snapshot.namespaces if isinstance(self.snapshot.namespaces, Unavailable) else None
        )

    @property
    def workspace(self) -> str | None:
        """The workspace of the namespace; None if there is none or it is not known."""
        return self.namespace.workspace if self.namespace else None


class RegistryEvidence(FrozenModel):
    """The evidence about the registry.

    Attributes:
        record: record of the registry.
        snapshot: current observation of the registry.
        space: the space on record; None if there is none.
        binding: binding of the namespace's workspace to the space.
        robots: robot accounts on record for the workspace in this registry.
        login_accepted: whether the registry accepts the login of namespaces; None if not known.
        robot_failure: last error of the robot account.
    """

    record: RegistryRecord
    snapshot: Snapshot
    space: Space | None = None
    binding: Binding | None = None
    robots: tuple[RobotAccount, ...] = ()
    login_accepted: bool | None = None
    robot_failure: str = ""

    @property
    def name(self) -> str:
        """The name of the registry."""
        return self.record.registry.name

    @property
    def capabilities(self) -> Capabilities:
        """What the registry can do."""
        return self.record.registry.capabilities

    @property
    def is_bound(self) -> bool:
        """Whether the workspace has a binding that is not held."""
        return self.binding is not None and not self.binding.is_held

    @property
    def current_robot(self) -> RobotAccount | None:
        """The robot account in use."""
        return next(iter(current_robots(self.robots).values()), None)

    def observed_space(self, space: str) -> ObservedSpace | None:
        """Return the observed space of this name; None if there is none."""
        observed_spaces = (
            self.snapshot.spaces.items if isinstance(self.snapshot.spaces, Complete) else ()
        )
        return next((observed for observed in observed_spaces if observed.name == space), None)

    def visibility(self, space: str) -> Visibility:
        """Return the effective visibility; private if it is not known."""
        observed = self.observed_space(space)
        if observed is not None and observed.visibility is not None:
            return observed.visibility
        return self.space.visibility if self.space else Visibility.PRIVATE

    def requires_auth(self) -> bool | None:
        """Return whether the registry requires a login; None if not known."""
        checks = [
            check for check in self.snapshot.checks if check.type is ConditionType.AUTHENTICATED
        ]
        if not checks:
            return True if self.capabilities.enforces_privacy else None
        return all(check.reason is not Reason.NO_AUTHENTICATION for check in checks)


class Evidence(FrozenModel):
    """All evidence for one question.

    Attributes:
        question: the question.
        at: time of the question (UTC).
        cluster: evidence about the cluster.
        registry: evidence about the registry; None if no registry has that name or host.
        registry_names: names of all registries.
    """

    question: Question
    at: datetime
    cluster: ClusterEvidence
    registry: RegistryEvidence | None = None
    registry_names: tuple[str, ...] = ()

    @property
    def no_binding_needed(self) -> str:
        """Why no binding is needed; empty if one is."""
        registry = self.registry
        if registry is None or registry.visibility(self.question.space) is Visibility.PRIVATE:
            return ""
        return "not needed: the space is public, and all namespaces can pull it"

    @property
    def no_login_needed(self) -> str:
        """Why no login is needed; empty if one is needed or if that is not known."""
        registry = self.registry
        if registry is None:
            return ""
        if registry.capabilities.serves_public_spaces and self.no_binding_needed:
            label = registry.capabilities.label
            return f"not needed: the space is public, and {label} requires no login for it"
        if registry.requires_auth() is False:
            return "not needed: the registry requires no login"
        return ""
