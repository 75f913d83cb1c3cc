"""Pull secrets in namespaces: what is due, what is to be changed, and how it was left."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from models.core.base import Value
from models.core.limits import Limits, check_share
from models.core.reasons import Reason

LARGEST = 1_048_576
"""Bytes that a Secret may hold (https://kubernetes.io/docs/concepts/configuration/secret/)."""


class Login(Value):
    """One line of a pull secret, without its password.

    Attributes:
        host: what image references begin with, e.g. `harbor.example.com`.
        account: the user name.
        robot_id: the robot account's id; None for a Docker Registry's pull-only user.
    """

    registry: str
    host: str
    account: str
    robot_id: int | None = None


class Due(Value):
    """What a namespace's pull secret shall hold.

    Attributes:
        fingerprint: keyed digest of the content.
        size: bytes of the content.
    """

    logins: tuple[Login, ...]
    fingerprint: str
    size: int

    @property
    def registries(self) -> tuple[str, ...]:
        """Names of the registries it logs in to."""
        return tuple(login.registry for login in self.logins)


class Deliver(Value):
    """Write a namespace's pull secret."""

    kind: Literal["deliver"] = "deliver"
    namespace: str
    before: str
    after: str
    registries: tuple[str, ...]
    reason: Reason

    @property
    def narrows(self) -> bool:
        """It may take a registry away, but that registry has revoked the right already."""
        return False


class Withdraw(Value):
    """Delete a namespace's pull secret: exactly the one that was seen, and only if it is ours."""

    kind: Literal["withdraw"] = "withdraw"
    namespace: str
    uid: str
    version: str
    before: str
    after: Literal[""] = ""
    reason: Reason = Reason.NOTHING_DUE

    @property
    def narrows(self) -> bool:
        """It takes rights away."""
        return True


class Link(Value):
    """Let the default ServiceAccount hand out the pull secret."""

    kind: Literal["link"] = "link"
    namespace: str
    before: Literal["not linked"] = "not linked"
    after: Literal["linked"] = "linked"
    reason: Reason = Reason.DUE

    @property
    def narrows(self) -> bool:
        """It takes nothing away."""
        return False


class Unlink(Value):
    """Take the pull secret out of the default ServiceAccount again."""

    kind: Literal["unlink"] = "unlink"
    namespace: str
    before: Literal["linked"] = "linked"
    after: Literal["not linked"] = "not linked"
    reason: Reason = Reason.NOTHING_DUE

    @property
    def narrows(self) -> bool:
        """It takes rights away."""
        return True


ClusterChange = Annotated[Deliver | Withdraw | Link | Unlink, Field(discriminator="kind")]


class ClusterOutcome(Value):
    """What became of one change in a cluster."""

    change: ClusterChange
    done: bool
    reason: Reason
    message: str = ""


class DeliveryStatus(StrEnum):
    """How far a namespace's pull secret is."""

    DELIVERED = "delivered"
    PENDING = "pending"
    REFUSED = "refused"


class Delivery(Value):
    """How one namespace's pull secret was last found or left.

    Attributes:
        fingerprint: what it holds; empty if there is none.
        logins: what it holds.
        reason, message: why it is as it is, and what to do about it.
        delivered_at: since when it holds what is due (UTC).
    """

    cluster: str
    namespace: str
    status: DeliveryStatus
    fingerprint: str = ""
    logins: tuple[Login, ...] = ()
    reason: Reason
    message: str = ""
    delivered_at: datetime | None = None


class DeliveryPlan(Value):
    """What is to be done about pull secrets in one cluster.

    Attributes:
        changes: withdrawals first, then deliveries.
        states: each namespace that has or shall have a pull secret, as it is once the changes are
            made; those with a change are pending until then.
        ours: how many pull secrets of ours were seen.
    """

    cluster: str
    changes: tuple[ClusterChange, ...] = ()
    states: tuple[Delivery, ...] = ()
    ours: int = 0

    def check(self, limits: Limits) -> None:
        """Refuse to delete many pull secrets of ours that are not on record here.

        So it looks after a database was restored from an old copy. What somebody unbound is on
        record, and does not count.

        Raises:
            PlanRefused: with the numbers and the way out.
        """
        orphans = sum(
            isinstance(change, Withdraw) and change.reason is Reason.UNWANTED
            for change in self.changes
        )
        check_share(f"cluster {self.cluster}", orphans, self.ours, "delete", limits, "pull secrets")

    def without_removals(self) -> "DeliveryPlan":
        """Return the plan that is left after a refusal: what is not on record here stays."""
        orphans = {
            change.namespace
            for change in self.changes
            if isinstance(change, Withdraw) and change.reason is Reason.UNWANTED
        }
        kept = tuple(
            change
            for change in self.changes
            if not (change.narrows and change.namespace in orphans)
        )
        return self.model_copy(update={"changes": kept})
