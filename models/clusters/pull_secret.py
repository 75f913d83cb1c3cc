"""Pull secrets in namespaces: desired content, changes, plan and status."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from models.clusters.cluster import PULL_SECRET_NAME, SERVICE_ACCOUNT_NAME, ImagePullSecrets
from models.core.base import FrozenModel
from models.core.limits import ChangeLimits, LimitExceeded, exceeded_limit
from models.core.reasons import Reason

MAX_SECRET_BYTES = 1_048_576
"""Maximum size of a Secret in bytes: https://kubernetes.io/docs/concepts/configuration/secret/"""


FOREIGN_REASONS = frozenset({Reason.FOREIGN_SECRET, Reason.OTHER_INSTALLATION})
"""Reasons of a Secret in place of the pull secret that this service leaves alone."""


def describe_foreign_secret(namespace: str, installation: str) -> tuple[Reason, str]:
    """Return why a Secret is not changed, and what to do.

    Two installations that were told to delete each other's Secret would never come to an end.

    Args:
        namespace: namespace of the Secret.
        installation: the other installation of this service that owns it; empty if none does.
    """
    subject = f"Secret {namespace}/{PULL_SECRET_NAME}"
    if not installation:
        return Reason.FOREIGN_SECRET, (
            f"a {subject} that this installation does not own exists and is not changed: delete or "
            "rename it"
        )
    return Reason.OTHER_INSTALLATION, (
        f"the {subject} belongs to installation {installation} of this service and is not changed: "
        "a namespace can be served by one installation only. Assign the namespace to a workspace "
        "in only one of them"
    )


LoginKey = tuple[str, int | None]
"""Registry and robot account id of a login; the id of a pull-only user is None."""


class RegistryLogin(FrozenModel):
    """One login in a pull secret, without its password.

    Attributes:
        registry: name of the registry.
        host: registry host in image references, e.g. `harbor.example.com`.
        other_hosts: other forms of the host, and other hosts, that the login applies to.
        account: user name.
        robot_id: id of the robot account; None for the pull-only user of a Docker Registry.
    """

    registry: str
    host: str
    account: str
    robot_id: int | None = None
    other_hosts: tuple[str, ...] = ()

    @property
    def key(self) -> LoginKey:
        """What identifies it among all logins, whatever the user name."""
        return self.registry, self.robot_id


class DesiredPullSecret(FrozenModel):
    """The desired content of a namespace's pull secret.

    Attributes:
        fingerprint: keyed digest of the content.
        byte_size: size of the content in bytes.
    """

    logins: tuple[RegistryLogin, ...]
    fingerprint: str
    byte_size: int

    @property
    def registries(self) -> tuple[str, ...]:
        """Names of the registries that it contains logins for."""
        return tuple(login.registry for login in self.logins)


class WriteSecret(FrozenModel):
    """Write a namespace's pull secret.

    Attributes:
        manager: the field manager that had changed it; empty if not known.
    """

    kind: Literal["deliver"] = "deliver"
    namespace: str
    manager: str = ""
    before: str
    after: str
    registries: tuple[str, ...]
    reason: Reason

    @property
    def reduces_access(self) -> bool:
        """Always false: a removed login was already revoked in its registry."""
        return False


class DeleteSecret(FrozenModel):
    """Delete a namespace's pull secret: only the observed object, and only if it is owned."""

    kind: Literal["withdraw"] = "withdraw"
    namespace: str
    uid: str
    resource_version: str
    before: str
    after: Literal[""] = ""
    reason: Reason = Reason.NOT_DESIRED

    @property
    def reduces_access(self) -> bool:
        """Always true: it removes logins."""
        return True


class AddImagePullSecret(FrozenModel):
    """Add the pull secret to a ServiceAccount's imagePullSecrets.

    Attributes:
        observed: its imagePullSecrets, so that they are not read again; None if not known.
        manager: the field manager that had removed it; empty if not known.
    """

    kind: Literal["link"] = "link"
    namespace: str
    service_account: str = SERVICE_ACCOUNT_NAME
    observed: ImagePullSecrets | None = None
    manager: str = ""
    before: Literal["not linked"] = "not linked"
    after: Literal["linked"] = "linked"
    reason: Reason = Reason.MISSING

    @property
    def reduces_access(self) -> bool:
        """Always false: it removes nothing."""
        return False


class RemoveImagePullSecret(FrozenModel):
    """Remove the pull secret from a ServiceAccount's imagePullSecrets.

    Attributes:
        observed: its imagePullSecrets, so that they are not read again; None if not known.
    """

    kind: Literal["unlink"] = "unlink"
    namespace: str
    service_account: str = SERVICE_ACCOUNT_NAME
    observed: ImagePullSecrets | None = None
    before: Literal["linked"] = "linked"
    after: Literal["not linked"] = "not linked"
    reason: Reason = Reason.NOT_DESIRED

    @property
    def reduces_access(self) -> bool:
        """Always true: pods no longer use the pull secret."""
        return True


ClusterChange = Annotated[
    WriteSecret | DeleteSecret | AddImagePullSecret | RemoveImagePullSecret,
    Field(discriminator="kind"),
]


class ClusterChangeResult(FrozenModel):
    """The result of one change in a cluster."""

    change: ClusterChange
    succeeded: bool
    reason: Reason
    message: str = ""


class PullSecretState(StrEnum):
    """The state of a namespace's pull secret."""

    DELIVERED = "delivered"
    PENDING = "pending"
    REFUSED = "refused"


class RepairHistory(FrozenModel):
    """The latest repairs of one object that another client changed.

    Attributes:
        service_account: name of the ServiceAccount; empty for the pull secret itself.
        times: when it was repaired (UTC), oldest first; a bounded number of them.
        manager: the field manager that changed it last; empty if not known.
        fingerprint: the content that was written; empty for a ServiceAccount.
    """

    service_account: str = ""
    times: tuple[datetime, ...] = Field(min_length=1)
    manager: str = ""
    fingerprint: str = ""


class PullSecretStatus(FrozenModel):
    """The status of one namespace's pull secret.

    Attributes:
        fingerprint: keyed digest of its content; empty if it does not exist.
        logins: the logins that it contains, without those whose secret was replaced since.
        reason, message: reason for the state, and advice.
        delivered_at: since when it has the desired content (UTC).
        links: ServiceAccounts whose imagePullSecrets this service added it to.
        repairs: objects that were repaired lately.
    """

    cluster: str
    namespace: str
    status: PullSecretState
    fingerprint: str = ""
    logins: tuple[RegistryLogin, ...] = ()
    reason: Reason
    message: str = ""
    delivered_at: datetime | None = None
    links: tuple[str, ...] = ()
    repairs: tuple[RepairHistory, ...] = ()

    @property
    def is_unread(self) -> bool:
        """Whether the namespace could not be read, so that its pull secret is as it was."""
        return self.reason is Reason.NAMESPACE_UNREADABLE


def pending_update(reason: Reason, message: str) -> dict[str, object]:
    """Return the fields of a status that change when it is pending."""
    return {"status": PullSecretState.PENDING, "reason": reason, "message": message}


class PullSecretPlan(FrozenModel):
    """The planned changes to pull secrets in one cluster.

    Attributes:
        changes: changes that reduce access first, then the others.
        statuses: status for each namespace with a current or desired pull secret; pending for
            namespaces with a planned change.
        owned_count: number of observed pull secrets of this installation.
        withheld_count: number of changes that were removed from the plan: they exceed a safety
            limit.
        left_behind: namespaces that could not be read, and have a login on record that they are no
            longer entitled to.
    """

    cluster: str
    changes: tuple[ClusterChange, ...] = ()
    statuses: tuple[PullSecretStatus, ...] = ()
    owned_count: int = 0
    withheld_count: int = 0
    left_behind: tuple[str, ...] = ()

    def exceeded_limit(self, limits: ChangeLimits) -> LimitExceeded | None:
        """Return the safety limit that is exceeded if too many orphaned pull secrets are deleted.

        An orphaned pull secret is owned but not on record, for example after the database was
        restored from an old backup. Pull secrets that are on record do not count: unbinding was
        checked when it was requested.
        """
        orphans = sum(
            isinstance(change, DeleteSecret) and change.reason is Reason.ORPHANED
            for change in self.changes
        )
        return exceeded_limit(
            f"cluster {self.cluster}", orphans, self.owned_count, "delete", limits, "pull secrets"
        )

    def without_removals(self) -> "PullSecretPlan":
        """Return the safe subset of the plan: orphaned pull secrets are kept."""
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
        withheld_count = len(self.changes) - len(changes)
        return self.model_copy(update={"changes": changes, "withheld_count": withheld_count})
