"""Pull secrets in namespaces: what is due, what is to be changed, and how it was left."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from models.core.base import FrozenModel
from models.core.limits import ChangeLimits, check_change_limit
from models.core.reasons import Reason

MAX_SECRET_BYTES = 1_048_576
"""Bytes that a Secret may hold (https://kubernetes.io/docs/concepts/configuration/secret/)."""


class RegistryLogin(FrozenModel):
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


class DesiredPullSecret(FrozenModel):
    """What a namespace's pull secret shall hold.

    Attributes:
        fingerprint: keyed digest of the content.
        byte_size: bytes of the content.
    """

    logins: tuple[RegistryLogin, ...]
    fingerprint: str
    byte_size: int

    @property
    def registries(self) -> tuple[str, ...]:
        """Names of the registries it logs in to."""
        return tuple(login.registry for login in self.logins)


class WriteSecret(FrozenModel):
    """Write a namespace's pull secret."""

    kind: Literal["deliver"] = "deliver"
    namespace: str
    before: str
    after: str
    registries: tuple[str, ...]
    reason: Reason

    @property
    def reduces_access(self) -> bool:
        """It may take a registry away, but that registry has revoked the right already."""
        return False


class DeleteSecret(FrozenModel):
    """Delete a namespace's pull secret: exactly the one that was seen, and only if it is ours."""

    kind: Literal["withdraw"] = "withdraw"
    namespace: str
    uid: str
    resource_version: str
    before: str
    after: Literal[""] = ""
    reason: Reason = Reason.NOT_DESIRED

    @property
    def reduces_access(self) -> bool:
        """It takes rights away."""
        return True


class AddImagePullSecret(FrozenModel):
    """Let the default ServiceAccount hand out the pull secret."""

    kind: Literal["link"] = "link"
    namespace: str
    before: Literal["not linked"] = "not linked"
    after: Literal["linked"] = "linked"
    reason: Reason = Reason.MISSING

    @property
    def reduces_access(self) -> bool:
        """It takes nothing away."""
        return False


class RemoveImagePullSecret(FrozenModel):
    """Take the pull secret out of the default ServiceAccount again."""

    kind: Literal["unlink"] = "unlink"
    namespace: str
    before: Literal["linked"] = "linked"
    after: Literal["not linked"] = "not linked"
    reason: Reason = Reason.NOT_DESIRED

    @property
    def reduces_access(self) -> bool:
        """It takes rights away."""
        return True


ClusterChange = Annotated[
    WriteSecret | DeleteSecret | AddImagePullSecret | RemoveImagePullSecret,
    Field(discriminator="kind"),
]


class ClusterChangeResult(FrozenModel):
    """What became of one change in a cluster."""

    change: ClusterChange
    succeeded: bool
    reason: Reason
    message: str = ""


class PullSecretState(StrEnum):
    """How far a namespace's pull secret is."""

    DELIVERED = "delivered"
    PENDING = "pending"
    REFUSED = "refused"


class PullSecretStatus(FrozenModel):
    """How one namespace's pull secret was last found or left.

    Attributes:
        fingerprint: what it holds; empty if there is none.
        logins: what it holds.
        reason, message: why it is as it is, and what to do about it.
        delivered_at: since when it holds what is due (UTC).
    """

    cluster: str
    namespace: str
    status: PullSecretState
    fingerprint: str = ""
    logins: tuple[RegistryLogin, ...] = ()
    reason: Reason
    message: str = ""
    delivered_at: datetime | None = None


class PullSecretPlan(FrozenModel):
    """What is to be done about pull secrets in one cluster.

    Attributes:
        changes: withdrawals first, then deliveries.
        statuses: each namespace that has or shall have a pull secret, as it is once the changes are
            made; those with a change are pending until then.
        owned_count: how many pull secrets of ours were seen.
    """

    cluster: str
    changes: tuple[ClusterChange, ...] = ()
    statuses: tuple[PullSecretStatus, ...] = ()
    owned_count: int = 0

    def raise_if_unsafe(self, limits: ChangeLimits) -> None:
        """Refuse to delete many pull secrets of ours that are not on record here.

        So it looks after a database was restored from an old copy. What somebody unbound is on
        record, and does not count.

        Raises:
            PlanRefused: with the numbers and the way out.
        """
        orphans = sum(
            isinstance(change, DeleteSecret) and change.reason is Reason.ORPHANED
            for change in self.changes
        )
        check_change_limit(
            f"cluster {self.cluster}", orphans, self.owned_count, "delete", limits, "pull secrets"
        )

    def without_removals(self) -> "PullSecretPlan":
        """Return the plan that is left after a refusal: what is not on record here stays."""
        orphans = {
            change.namespace
            for change in self.changes
            if isinstance(change, DeleteSecret) and change.reason is Reason.ORPHANED
        }
        changes = tuple(
            change
            for change in self.changes
            if not (change.reduces_access and change.namespace in orphans)
        )
        return self.model_copy(update={"changes": changes})
