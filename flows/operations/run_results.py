"""The results of a run on one registry or cluster, and of discovery in one cluster."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from models.access.rotation import deletion_remark
from models.access.target import (
    TargetKind,
    TargetResult,
    cluster_target,
    first_left_behind,
    first_undelivered,
    locked_target,
    registry_target,
)
from models.clusters.membership import Namespace
from models.clusters.pull_secret import ClusterChangeResult, PullSecretPlan, PullSecretStatus
from models.core.base import FrozenModel
from models.core.runs.counts import ChangeCounts, count_changes
from models.core.runs.lease import LeaseConflict
from models.discovery.steps import DiscoveryPlan, SetState, is_record_only
from models.registries.changes import ChangeResult, CreateRobot, DeleteRobot
from models.registries.health import HealthSummary
from models.registries.observation import Snapshot
from models.registries.plan import Plan


class RegistryRunResult(FrozenModel):
    """The result of one run on one registry.

    Attributes:
        unsafe_reason: why the plan was not applied or only in part: read-only mode, safety limits,
            or no key to encrypt new secrets.
        has_superseded_robots: whether a workspace has more than one robot account now.
        recheck_at: when to observe it again because of a failure that is not confirmed (UTC).
    """

    registry: str
    health_summary: HealthSummary
    snapshot: Snapshot
    plan: Plan
    results: tuple[ChangeResult, ...] = ()
    unsafe_reason: str = ""
    has_superseded_robots: bool = False
    recheck_at: datetime | None = None

    @property
    def counts(self) -> ChangeCounts:
        """Return how many changes were made, failed or were skipped."""
        return count_changes(self.plan.changes, self.results, self.plan.withheld_count)

    @property
    def target(self) -> TargetResult:
        """Return whether the desired state is in force in the registry, or why not."""
        return registry_target(
            self.registry, self.snapshot, self.results, self.unsafe_reason, self.counts
        )

    @property
    def error(self) -> str:
        """Return what failed; empty if the registry is in the desired state."""
        return "" if self.target.in_force else self.target.reason

    @property
    def note(self) -> str:
        """Return a remark about pulls that may fail once and access that has ended."""
        deleted = [
            result.change
            for result in self.results
            if isinstance(result.change, DeleteRobot) and result.succeeded
        ]
        return deletion_remark(deleted, self.snapshot.observed_at)

    @property
    def affects_pull_secrets(self) -> bool:
        """Whether pull secrets may have to change: a robot account is new, deleted or renamed."""
        return bool(self.plan.updated_robots or self.plan.deleted_robot_ids) or any(
            isinstance(result.change, CreateRobot | DeleteRobot) and result.succeeded
            for result in self.results
        )


class ClusterSyncResult(FrozenModel):
    """The result of one run on one cluster.

    Attributes:
        has_changes: whether the record of the cluster changed.
        unavailable_reason: why the cluster could not be read; this does not fail the run.
        needs_person: whether it cannot be read until a person corrects its registration.
        unsafe_reason: why no access was removed, if removals exceeded the safety limits.
        other_names: other names under which the same cluster is registered.
        run_error: why the run itself failed.
        lease_conflict: the other run, if it holds the lease on the cluster; then nothing was read.
        departures: namespaces that left, by workspace.
    """

    cluster: str
    namespaces: tuple[Namespace, ...] = ()
    plan: PullSecretPlan
    results: tuple[ClusterChangeResult, ...] = ()
    pull_secrets: tuple[PullSecretStatus, ...] = ()
    has_changes: bool = False
    unavailable_reason: str = ""
    needs_person: bool = False
    unsafe_reason: str = ""
    other_names: tuple[str, ...] = ()
    run_error: str = ""
    lease_conflict: LeaseConflict | None = None
    departures: Mapping[str, Sequence[str]] = {}

    @property
    def counts(self) -> ChangeCounts:
        """Return how many changes were made, failed or were skipped."""
        return count_changes(self.plan.changes, self.results, self.plan.withheld_count)

    def target(self, workspaces: Collection[str] = ()) -> TargetResult:
        """Return whether the desired state is in force in the cluster, or why not.

        Args:
            workspaces: workspaces whose namespaces must have their pull secret.
        """
        if self.lease_conflict is not None:
            return locked_target(TargetKind.CLUSTER, self.cluster, self.lease_conflict)
        return cluster_target(
            self.cluster,
            self.results,
            self.counts,
            unavailable_reason=self.unavailable_reason,
            unsafe_reason=self.unsafe_reason,
            run_error=self.run_error,
            undelivered=first_undelivered(self.namespaces, self.pull_secrets, workspaces)
            or first_left_behind(self.pull_secrets, self.plan.left_behind),
        )

    @property
    def skipped_reason(self) -> str:
        """Return why the cluster was left to another run; empty if it was not."""
        return self.target().reason if self.lease_conflict is not None else ""

    @property
    def error(self) -> str:
        """Return what failed; an unreachable cluster, or one that another run holds, is no error.

        Empty if all pull secrets are in the desired state.
        """
        target = self.target()
        is_error = target.is_failed and self.lease_conflict is None
        return target.reason if is_error else ""


class DiscoveryResult(FrozenModel):
    """The result of discovery in one cluster.

    Attributes:
        harbor_count: number of managed Harbors in the cluster.
        failures: the errors of steps that failed.
        withheld_count: number of steps that were not attempted: removals that exceeded the safety
            limits.
        unsafe_reason: why no Harbor was removed, if removals exceeded the safety limits.
        postponed_count: number of Harbors that later runs adopt.
        run_error: why the run itself failed.
        skipped_reason: why the cluster was left to another run.
    """

    cluster: str
    harbor_count: int = 0
    plan: DiscoveryPlan = DiscoveryPlan()
    failures: tuple[str, ...] = ()
    withheld_count: int = 0
    unsafe_reason: str = ""
    postponed_count: int = 0
    run_error: str = ""
    skipped_reason: str = ""

    @property
    def counts(self) -> ChangeCounts:
        """Return how many steps were made, failed or were skipped."""
        failed = len(self.failures)
        return ChangeCounts(
            made=len(self.plan.steps) - failed, failed=failed, skipped=self.withheld_count
        )

    @property
    def errors(self) -> tuple[str, ...]:
        """Return everything that failed."""
        errors = (*self.failures, self.unsafe_reason, self.run_error, *self.plan.refusals)
        return tuple(error for error in errors if error)

    @property
    def unavailable_reason(self) -> str:
        """Return what could not be read of the cluster, and why; empty if all was read."""
        return "; ".join(map(str, self.plan.unavailable))

    @property
    def registries(self) -> tuple[str, ...]:
        """Return the names of registries that the steps may have changed."""
        steps = [step for step in self.plan.steps if not is_record_only(step)]
        return tuple(step.registry for step in steps if not isinstance(step, SetState))
