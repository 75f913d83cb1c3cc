"""Apply a change of access: registry, then pull secrets, then superseded robot accounts."""

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.operations.reconcile_registry import (
    LEASE_WAIT_SECONDS,
    RegistryRunResult,
    hold_registry,
    reconcile,
)
from flows.operations.sync_clusters import ClusterSyncResult, sync_clusters
from models.core.base import FrozenModel
from models.core.run_context import RunContext
from tasks import clock
from tasks.store.registries import registries
from tasks.store.session import in_transaction
from tasks.store.state import RegistryState


class AccessChangeResult(FrozenModel):
    """The result of a change of access.

    Attributes:
        registry_results: results of the runs on the registry, in order.
        cluster_results: results of the runs on clusters.
    """

    registry_results: tuple[RegistryRunResult, ...]
    cluster_results: tuple[ClusterSyncResult, ...] = ()

    @property
    def registry_result(self) -> RegistryRunResult:
        """Return the result of the first run on the registry, which makes the changes."""
        return self.registry_results[0]

    @property
    def error(self) -> str:
        """Return what failed; an unreachable cluster is no error, a later run updates it."""
        errors = [result.error for result in self.registry_results]
        errors += [result.error for result in self.cluster_results]
        return "; ".join([error for error in errors if error][:3])

    @property
    def unavailable_clusters(self) -> str:
        """Return why clusters could not be read; empty if all were read."""
        return "; ".join(
            result.unavailable_reason
            for result in self.cluster_results
            if result.unavailable_reason
        )

    @property
    def scope_note(self) -> str:
        """Return where the change is in effect, if not everywhere."""
        return " on reachable clusters" if self.unavailable_clusters else ""

    def final_state(self, message: str) -> State[None]:
        """Return the state of a flow with this result."""
        message += "".join(f"; {result.note}" for result in self.registry_results if result.note)
        if self.error:
            return Failed(message=f"{message}; {self.error}")
        later = f"; unreachable clusters are updated by a later run: {self.unavailable_clusters}"
        return Completed(message=message + (later if self.unavailable_clusters else ""))


async def apply_access_change(registry: str) -> AccessChangeResult:
    """Hold the lease on a registry, and apply a change of access that is saved already.

    Raises:
        LeaseHeld: another run holds or took over the lease on the registry.
    """
    async with hold_registry(registry) as (context, registry_state):
        return await reconcile_access(registry, context, registry_state)


async def reconcile_access(
    registry: str, context: RunContext, registry_state: RegistryState | None = None
) -> AccessChangeResult:
    """Reconcile a registry, update pull secrets, and delete superseded robot accounts.

    Args:
        registry: name of the registry.
        context: the run, with its lease on the registry.
        registry_state: the state that was loaded under this lease; None to load it now.

    Raises:
        LeaseHeld: another run took over the lease on the registry.
    """
    result = await reconcile(registry, context, registry_state=registry_state, release=True)
    results = [result]
    clusters = await sync_clusters(wait_seconds=LEASE_WAIT_SECONDS)
    if result.has_superseded_robots:
        results.append(await reconcile(registry, context.at(clock.now())))
    return AccessChangeResult(registry_results=tuple(results), cluster_results=clusters)


async def sync_shared_logins(registry: str) -> tuple[ClusterSyncResult, ...]:
    """Update pull secrets after a change of visibility, where they depend on it.

    They do where public spaces need a login: all namespaces receive the pull-only user while the
    registry has a public space.
    """
    registry_spec = (await in_transaction(registries.get_registry, registry)).registry
    if registry_spec.shares_pull_user:
        return await sync_clusters(wait_seconds=LEASE_WAIT_SECONDS)
    return ()
