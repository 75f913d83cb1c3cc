"""What a run on a registry or cluster has seen: the desired state is in force, or why not."""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

from models.clusters.membership import Namespace
from models.clusters.pull_secret import (
    ClusterChangeResult,
    PullSecretState,
    PullSecretStatus,
)
from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.core.runs.counts import ChangeCounts
from models.core.runs.lease import LeaseConflict
from models.core.runs.schedules import ScheduledFlow
from models.registries.changes import ChangeResult
from models.registries.observation import Snapshot


class TargetKind(StrEnum):
    """What a run works on."""

    REGISTRY = "registry"
    CLUSTER = "cluster"


class TargetState(StrEnum):
    """How a run on one target ended."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    BUSY = "busy"
    LEASE_LOST = "lease-lost"
    READ_ONLY = "read-only"
    UNREACHABLE = "unreachable"
    CHANGES_FAILED = "changes-failed"
    UNSAFE = "unsafe"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


_SEEN = frozenset({TargetState.CHANGED, TargetState.UNCHANGED})

_RETRIED = frozenset(
    {
        TargetState.BUSY,
        TargetState.LEASE_LOST,
        TargetState.UNREACHABLE,
        TargetState.CHANGES_FAILED,
        TargetState.FAILED,
    }
)
"""States that a scheduled run may solve. The others need a person, or wait for the registry."""

_SCHEDULED_FLOWS = {
    TargetKind.REGISTRY: ScheduledFlow.RECONCILE_ALL,
    TargetKind.CLUSTER: ScheduledFlow.SYNC_NAMESPACES,
}


class TargetResult(FrozenModel):
    """The result of a run on one registry or cluster.

    Attributes:
        name: name of the registry or cluster.
        message: why the desired state is not in force; empty if it is.
    """

    kind: TargetKind
    name: str
    state: TargetState
    message: str = ""

    @property
    def in_force(self) -> bool:
        """Whether this run has seen the desired state in the registry or cluster."""
        return self.state in _SEEN

    @property
    def is_failed(self) -> bool:
        """Whether it fails the run; an unreachable cluster does not, a later run updates it."""
        is_unreachable_cluster = (
            self.kind is TargetKind.CLUSTER and self.state is TargetState.UNREACHABLE
        )
        return not (self.in_force or is_unreachable_cluster)

    @property
    def retried_by(self) -> ScheduledFlow | None:
        """The scheduled flow that carries out what is not in force; None if none can."""
        return _SCHEDULED_FLOWS[self.kind] if self.state in _RETRIED else None

    def with_ungranted(self, message: str) -> "TargetResult":
        """Return the result of a registry that does not grant a binding, unless it failed.

        Args:
            message: which binding, and why.
        """
        if self.kind is TargetKind.CLUSTER or not self.in_force:
            return self
        return self.model_copy(update={"state": TargetState.INCOMPLETE, "message": message})

    @property
    def subject(self) -> str:
        """The registry or cluster in messages, as in the errors of requests to it."""
        return f"cluster {self.name}" if self.kind is TargetKind.CLUSTER else self.name

    @property
    def reason(self) -> str:
        """Why the desired state is not in force, with the registry or cluster."""
        prefix = f"{self.subject}: "
        return self.message if self.message.startswith(prefix) else prefix + self.message


def locked_target(kind: TargetKind, name: str, conflict: LeaseConflict) -> TargetResult:
    """Return the result of a run that could not get, or has lost, the lease on its target."""
    state = TargetState.LEASE_LOST if conflict.is_lost else TargetState.BUSY
    return TargetResult(kind=kind, name=name, state=state, message=conflict.message)


def failed_target(registry: str, message: str) -> TargetResult:
    """Return the result of a run on a registry that ended with an unexpected error."""
    return TargetResult(
        kind=TargetKind.REGISTRY, name=registry, state=TargetState.FAILED, message=message
    )


def registry_target(
    name: str,
    snapshot: Snapshot,
    results: Sequence[ChangeResult],
    unsafe_reason: str,
    counts: ChangeCounts,
) -> TargetResult:
    """Return the result of a run on a registry.

    Args:
        name: the registry.
        snapshot: the observation.
        results: the results of the changes.
        unsafe_reason: why changes were withheld; empty if none were.
        counts: the counts of the changes.
    """
    failures = [result for result in results if not result.succeeded]
    unavailable = snapshot.first_unavailable
    if unsafe_reason:
        state = TargetState.READ_ONLY if snapshot.read_only_reason else TargetState.UNSAFE
        message = unsafe_reason
    elif unavailable is not None:
        state, message = TargetState.UNREACHABLE, unavailable.message
    elif failures:
        is_read_only = all(failure.reason is Reason.READ_ONLY for failure in failures)
        state = TargetState.READ_ONLY if is_read_only else TargetState.CHANGES_FAILED
        message = f"{counts.summarize_failures()} ({_describe_failure(failures[0])})"
    else:
        state, message = TargetState.CHANGED if results else TargetState.UNCHANGED, ""
    return TargetResult(kind=TargetKind.REGISTRY, name=name, state=state, message=message)


def _describe_failure(failure: ChangeResult) -> str:
    return f"{failure.change.subject}: {failure.message}"


def cluster_target(
    name: str,
    results: Sequence[ClusterChangeResult],
    counts: ChangeCounts,
    *,
    unavailable_reason: str = "",
    unsafe_reason: str = "",
    run_error: str = "",
    undelivered: str = "",
) -> TargetResult:
    """Return the result of a run on a cluster that held the lease.

    Args:
        name: the cluster.
        results: the results of the changes.
        counts: the counts of the changes.
        unavailable_reason: why the cluster could not be read; empty if it was.
        unsafe_reason: why removals were withheld; empty if none were.
        run_error: why the run itself failed.
        undelivered: see `first_undelivered` and `first_left_behind`.
    """
    failures = [result for result in results if not result.succeeded]
    if failures:
        first = f"{failures[0].change.namespace}: {failures[0].message}"
        state, message = TargetState.CHANGES_FAILED, f"{counts.summarize_failures()} ({first})"
    elif run_error:
        state, message = TargetState.FAILED, run_error
    elif unavailable_reason:
        state, message = TargetState.UNREACHABLE, unavailable_reason
    elif unsafe_reason:
        state, message = TargetState.UNSAFE, unsafe_reason
    elif undelivered:
        state, message = TargetState.INCOMPLETE, undelivered
    else:
        state, message = TargetState.CHANGED if results else TargetState.UNCHANGED, ""
    return TargetResult(kind=TargetKind.CLUSTER, name=name, state=state, message=message)


def first_undelivered(
    namespaces: Iterable[Namespace],
    pull_secrets: Iterable[PullSecretStatus],
    workspaces: Collection[str],
) -> str:
    """Return the first namespace of the workspaces without its pull secret; empty if none.

    Args:
        namespaces: namespaces of the cluster.
        pull_secrets: status of the pull secrets in the cluster.
        workspaces: workspaces that gain access.
    """
    members = {
        namespace.name
        for namespace in namespaces
        if namespace.workspace in workspaces and not namespace.terminating
    }
    undelivered = [
        secret
        for secret in pull_secrets
        if secret.namespace in members and secret.status is not PullSecretState.DELIVERED
    ]
    return _describe_first(undelivered)


def first_left_behind(pull_secrets: Iterable[PullSecretStatus], namespaces: Collection[str]) -> str:
    """Return the first namespace that still has a login to be taken away; empty if none.

    Args:
        pull_secrets: status of the pull secrets in the cluster.
        namespaces: see `PullSecretPlan.left_behind`.
    """
    left_behind = [secret for secret in pull_secrets if secret.namespace in namespaces]
    description = _describe_first(left_behind)
    return f"{description}; it keeps a login that it may no longer have" if description else ""


def _describe_first(pull_secrets: Sequence[PullSecretStatus]) -> str:
    if not pull_secrets:
        return ""
    first = pull_secrets[0]
    others = f" (and {len(pull_secrets) - 1} more)" if len(pull_secrets) > 1 else ""
    return f"namespace {first.namespace}{others}: {first.reason} {first.message}".rstrip()
