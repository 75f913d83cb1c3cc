"""What explain-access looks at: what was seen just now, and what is on record."""

from datetime import datetime

from models.access.binding import Binding
from models.access.explain.explanation import Question
from models.access.rotation import youngest
from models.clusters.cluster import Cluster, ClusterSnapshot, ClusterState
from models.clusters.membership import Namespace
from models.clusters.pull_secret import Delivery, Due
from models.core.availability import Seen, Unseen
from models.core.base import Value
from models.core.reasons import Reason
from models.registries.condition import ConditionType
from models.registries.observation import Snapshot
from models.registries.record import Dossier
from models.registries.registry import Kind
from models.registries.robots import Grant
from models.registries.space import ObservedSpace, Space, Visibility


class ClusterEvidence(Value):
    """The cluster's side.

    Attributes:
        state: how it was last found by a sync.
        look: one look at the namespace, just now.
        namespace: whom it belongs to by that look, or on record if it could not be read.
        labels: the namespace labels that may name a workspace.
        delivery: how its pull secret was last left.
        due: what its pull secret shall hold; None if nothing is due.
        due_unknown: why that cannot be said.
    """

    cluster: Cluster
    state: ClusterState
    look: ClusterSnapshot
    namespace: Namespace | None = None
    labels: tuple[str, ...] = ()
    delivery: Delivery | None = None
    due: Due | None = None
    due_unknown: str = ""

    @property
    def out_of_reach(self) -> Unseen | None:
        """Why not even the namespace could be read."""
        return self.look.namespaces if isinstance(self.look.namespaces, Unseen) else None

    @property
    def workspace(self) -> str | None:
        """Whom the namespace belongs to, as far as is known."""
        return self.namespace.workspace if self.namespace else None


class RegistryEvidence(Value):
    """The registry's side.

    Attributes:
        look: one look at it, just now.
        space: on record; None if it is not.
        binding: of that space to the namespace's workspace.
        grants: robot accounts on record that were made for that workspace there.
        accepted: whether the login that namespaces receive is accepted; None if that is not known.
        failure: what was last said when a grant failed.
    """

    dossier: Dossier
    look: Snapshot
    space: Space | None = None
    binding: Binding | None = None
    grants: tuple[Grant, ...] = ()
    accepted: bool | None = None
    failure: str = ""

    @property
    def name(self) -> str:
        """The registry's name here."""
        return self.dossier.registry.name

    @property
    def harbor(self) -> bool:
        """Whether it keeps private spaces private by itself."""
        return self.dossier.registry.kind is Kind.HARBOR

    @property
    def is_bound(self) -> bool:
        """Whether the workspace has a binding in force."""
        return self.binding is not None and not self.binding.is_held

    @property
    def grant(self) -> Grant | None:
        """The robot account in use."""
        return next(iter(youngest(self.grants).values()), None)

    def seen(self, space: str) -> ObservedSpace | None:
        """Return a space as it was seen just now."""
        listed = self.look.spaces.items if isinstance(self.look.spaces, Seen) else ()
        return next((one for one in listed if one.name == space), None)

    def visibility(self, space: str) -> Visibility:
        """Return the visibility in force, as far as is known; what is not known is private."""
        found = self.seen(space)
        if found is not None and found.visibility is not None:
            return found.visibility
        return self.space.visibility if self.space else Visibility.PRIVATE

    def asks(self) -> bool | None:
        """Whether it asks anybody for credentials; None if it could not be asked."""
        said = [one for one in self.look.verdicts if one.type is ConditionType.AUTHENTICATED]
        if not said:
            return True if self.harbor else None
        return all(one.reason is not Reason.NO_AUTHENTICATION for one in said)


class Evidence(Value):
    """Both sides.

    Attributes:
        at: when it was asked (UTC).
        registry: None if no registry here has that name or host; `known` names those there are.
    """

    question: Question
    at: datetime
    cluster: ClusterEvidence
    registry: RegistryEvidence | None = None
    known: tuple[str, ...] = ()

    @property
    def unbound(self) -> str:
        """Why no binding is needed; empty if one is."""
        found = self.registry
        if found is None or found.visibility(self.question.space) is Visibility.PRIVATE:
            return ""
        return "not needed: the space is public, and every namespace of the platform may pull it"

    @property
    def free(self) -> str:
        """Why no login is needed; empty if one is, or if that is not known."""
        found = self.registry
        if found is None:
            return ""
        if found.harbor:
            public = "not needed: the space is public, and Harbor lets everybody pull it"
            return public if self.unbound else ""
        return "" if found.asks() is not False else "not needed: the registry asks for no login"
