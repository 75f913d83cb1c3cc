"""Carry a change of access through: first the registry, then the clusters, then what is left."""

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from sqlmodel import Session

from flows.operations.reconcile_registry import (
    AS_TASKS,
    LEASE_WAIT_SECONDS,
    RegistryRunResult,
    RegistrySteps,
    reconcile,
)
from flows.operations.sync_clusters import ClusterSyncResult, sync_clusters
from models.access.rotation import current_robots
from models.core.base import FrozenModel
from models.registries.registry import Kind
from tasks.store.registries import registries, robots
from tasks.store.session import in_transaction


class AccessChangeResult(FrozenModel):
    """What came of a change of access.

    Attributes:
        registry_results: the runs on the registry, in order.
        cluster_results: the runs on clusters.
    """

    registry_results: tuple[RegistryRunResult, ...]
    cluster_results: tuple[ClusterSyncResult, ...] = ()

    @property
    def registry_result(self) -> RegistryRunResult:
        """The first run on the registry, in which changes are made."""
        return self.registry_results[0]

    @property
    def error(self) -> str:
        """What a person must look at; a cluster out of reach is a state, and follows later."""
        errors = [report.error for report in self.registry_results]
        errors += [report.error for report in self.cluster_results]
        return "; ".join([error for error in errors if error][:3])

    @property
    def unavailable_clusters(self) -> str:
        """Which clusters are out of reach."""
        return "; ".join(
            report.unavailable_reason
            for report in self.cluster_results
            if report.unavailable_reason
        )

    @property
    def scope_note(self) -> str:
        """Where it has its effect already, if not everywhere."""
        return " where clusters can be read" if self.unavailable_clusters else ""

    def final_state(self, message: str) -> State[None]:
        """Return the state in which a flow ends that has this effect."""
        message += "".join(f"; {report.note}" for report in self.registry_results if report.note)
        if self.error:
            return Failed(message=f"{message}; {self.error}")
        later = f"; what is out of reach follows when it is back: {self.unavailable_clusters}"
        return Completed(message=message + (later if self.unavailable_clusters else ""))


async def apply_access_change(
    registry: str,
    lease_id: str,
    stages: RegistrySteps = AS_TASKS,
    *,
    allow_large: bool = False,
    rotate: frozenset[str] = frozenset(),
) -> AccessChangeResult:
    """Reconcile a registry, let pull secrets follow, and retire robot accounts that were replaced.

    Raises:
        Busy: another run took over the lease on the registry.
    """
    reports = [await reconcile(registry, lease_id, stages, allow_large=allow_large, rotate=rotate)]
    clusters = await sync_clusters(wait_seconds=LEASE_WAIT_SECONDS)
    if await in_transaction(_has_superseded_robots, registry):
        reports.append(await reconcile(registry, lease_id, stages))
    return AccessChangeResult(registry_results=tuple(reports), cluster_results=clusters)


async def sync_shared_logins(registry: str) -> tuple[ClusterSyncResult, ...]:
    """Let pull secrets follow a space's visibility, where that decides who receives them.

    A Harbor lets everybody pull what is public; a Docker Registry's pull-only user is handed out.
    """
    registry_spec = (await in_transaction(registries.get_registry, registry)).registry
    if registry_spec.kind is Kind.DOCKER and registry_spec.pull_credential is not None:
        return await sync_clusters(wait_seconds=LEASE_WAIT_SECONDS)
    return ()


def _has_superseded_robots(session: Session, registry: str) -> bool:
    robot_accounts = robots.list_robots(session, registry)
    return len(robot_accounts) > len(current_robots(robot_accounts))
