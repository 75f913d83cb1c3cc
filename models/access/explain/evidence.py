"""What explain-access looks at: what was seen just now, and what is on record."""

from datetime import datetime

from models.access.binding import Binding
from models.access.explain.explanation import Question
from models.access.rotation import current_robots
from models.clusters.cluster import Cluster, ClusterSnapshot, ClusterStatus
from models.clusters.membership import Namespace
from models.clusters.pull_secret import DesiredPullSecret, PullSecretStatus
from models.core.availability import Complete, Unavailable
from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.registries.condition import ConditionType
from models.registries.observation import Snapshot
from models.registries.record import RegistryRecord
from models.registries.registry import Kind
from models.registries.robots import RobotAccount
from models.registries.space import ObservedSpace, Space, Visibility


class ClusterEvidence(FrozenModel):
    """The cluster's side.

    Attributes:
        status: how it was last found by a sync.
        snapshot: one look at the namespace, just now.
        namespace: whom it belongs to by that look, or on record if it could not be read.
        labels: the namespace labels that may name a workspace.
        pull_secret_status: how its pull secret was last left.
        desired: what its pull secret shall hold; None if nothing is due.
        desired_error: why that cannot be said.
    """

    cluster: Cluster
    status: ClusterStatus
    snapshot: ClusterSnapshot
    namespace: Namespace | None = None
    labels: tuple[str, ...] = ()
    pull_secret_status: PullSecretStatus | None = None
    desired: DesiredPullSecret | None = None
    desired_error: str = ""

    @property
    def unavailable(self) -> Unavailable | None:
        """Why not even the namespace could be read."""
        return (
            self.snapshot.namespaces if isinstance(self.snapshot.namespaces, Unavailable) else None
        )

    @property
    def workspace(self) -> str | None:
        """Whom the namespace belongs to, as far as is known."""
        return self.namespace.workspace if self.namespace else None


class RegistryEvidence(FrozenModel):
    """The registry's side.

    Attributes:
        snapshot: one look at it, just now.
        space: on record; None if it is not.
        binding: of that space to the namespace's workspace.
        robots: robot accounts on record that were made for that workspace there.
        login_accepted: whether the login that namespaces receive is accepted; None if that is not
            known.
        robot_failure: what was last said when a grant failed.
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
        """The registry's name here."""
        return self.record.registry.name

    @property
    def enforces_privacy(self) -> bool:
        """Whether it keeps private spaces private by itself."""
        return self.record.registry.kind is Kind.HARBOR

    @property
    def is_bound(self) -> bool:
        """Whether the workspace has a binding in force."""
        return self.binding is not None and not self.binding.is_held

    @property
    def current_robot(self) -> RobotAccount | None:
        """The robot account in use."""
        return next(iter(current_robots(self.robots).values()), None)

    def observed_space(self, space: str) -> ObservedSpace | None:
        """Return a space as it was seen just now."""
        observed_spaces = (
            self.snapshot.spaces.items if isinstance(self.snapshot.spaces, Complete) else ()
        )
        return next((observed for observed in observed_spaces if observed.name == space), None)

    def visibility(self, space: str) -> Visibility:
        """Return the visibility in force, as far as is known; what is not known is private."""
        observed = self.observed_space(space)
        if observed is not None and observed.visibility is not None:
            return observed.visibility
        return self.space.visibility if self.space else Visibility.PRIVATE

    def requires_auth(self) -> bool | None:
        """Whether it asks anybody for credentials; None if it could not be asked."""
        checks = [
            check for check in self.snapshot.checks if check.type is ConditionType.AUTHENTICATED
        ]
        if not checks:
            return True if self.enforces_privacy else None
        return all(check.reason is not Reason.NO_AUTHENTICATION for check in checks)


class Evidence(FrozenModel):
    """Both sides.

    Attributes:
        at: when it was asked (UTC).
        registry: None if no registry here has that name or host; `registry_names` names those there
            are.
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
        return "not needed: the space is public, and every namespace of the platform may pull it"

    @property
    def no_login_needed(self) -> str:
        """Why no login is needed; empty if one is, or if that is not known."""
        registry = self.registry
        if registry is None:
            return ""
        if registry.enforces_privacy:
            public = "not needed: the space is public, and Harbor lets everybody pull it"
            return public if self.no_binding_needed else ""
        return (
            ""
            if registry.requires_auth() is not False
            else "not needed: the registry asks for no login"
        )
