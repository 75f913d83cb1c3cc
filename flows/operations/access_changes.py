"""Apply a change of access: registry, then pull secrets, then superseded robot accounts."""

from collections.abc import Collection, Sequence

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.operations.bindings import find_ungranted
from flows.operations.reconcile_registry import (
    LEASE_WAIT_SECONDS,
    hold_registry,
    reconcile,
)
from flows.operations.run_results import RegistryRunResult
from flows.operations.sync_clusters import sync_registered_clusters
from flows.runs import isolate_failure
from models.access.access_summary import AccessSummary, summarize_access
from models.access.target import TargetKind, TargetResult, failed_target, locked_target
from models.core.base import FrozenModel
from models.core.errors import LeaseHeld
from models.core.runs.context import RunContext
from models.core.settings import get_settings
from tasks import clock
from tasks.store.registries import registries
from tasks.store.session import in_transaction
from tasks.store.state import RegistryState


class AccessChangeResult(FrozenModel):
    """The result of a change of access.

    Attributes:
        targets: where the desired state is in force, and where not.
        registry_result: the run on the registry that made the changes; None if there was none.
        notes: remarks about pulls that may fail once, and access that has ended.
    """

    targets: tuple[TargetResult, ...]
    registry_result: RegistryRunResult | None = None
    notes: tuple[str, ...] = ()

    @property
    def in_force(self) -> bool:
        """Whether the change is in force in the registry and in every cluster."""
        return all(target.in_force for target in self.targets)

    def with_ungranted(self, message: str) -> "AccessChangeResult":
        """Return the result of a run after which the registry does not grant a binding."""
        targets = tuple(target.with_ungranted(message) for target in self.targets)
        return self.model_copy(update={"targets": targets})

    def final_state(self, action: str, seconds: float | None = None) -> State[None]:
        """Return the state of a flow with this result.

        Args:
            action: what was requested and is saved, e.g. `2 bindings bound`.
            seconds: time since the request.
        """
        interval = get_settings().poll_policy.interval
        summary = summarize_access(action, self.targets, interval, seconds=seconds)
        return to_state(summary, self.notes)


def to_state(summary: AccessSummary, notes: Sequence[str] = ()) -> State[None]:
    """Return the state of a flow run with this summary, and remarks."""
    message = "; ".join([summary.message, *notes])
    return Failed(message=message) if summary.is_failed else Completed(message=message)


async def apply_access_change(
    registry: str,
    requested: Collection[tuple[str, str]] = (),
    *,
    wait_seconds: float = LEASE_WAIT_SECONDS,
) -> AccessChangeResult:
    """Apply a change of access that is saved already.

    Whatever prevents it is a result, not an error: the change remains saved, and scheduled runs
    carry it out.

    Args:
        registry: name of the registry.
        requested: space and workspace of each binding that must be in force.
        wait_seconds: time to wait for another run on the registry.
    """
    workspaces = {workspace for _, workspace in requested}

    async def work() -> AccessChangeResult:
        try:
            async with hold_registry(registry, wait_seconds=wait_seconds) as (
                context,
                registry_state,
            ):
                result = await reconcile_access(
                    registry, context, registry_state, workspaces=workspaces
                )
            return await _check_grants(result, registry, requested)
        except LeaseHeld as error:
            target = locked_target(TargetKind.REGISTRY, registry, error.conflict)
        # Pull secrets do not need the lease on the registry.
        return AccessChangeResult(targets=(target, *await sync_targets(workspaces)))

    def on_error(message: str) -> AccessChangeResult:
        return AccessChangeResult(targets=(failed_target(registry, message),))

    return await isolate_failure(registry, work(), on_error)


async def _check_grants(
    result: AccessChangeResult, registry: str, requested: Collection[tuple[str, str]]
) -> AccessChangeResult:
    # The run on the registry may have held a binding, because its space was replaced.
    if not requested:
        return result
    ungranted = await in_transaction(find_ungranted, registry, requested)
    return result.with_ungranted(ungranted) if ungranted else result


async def reconcile_access(
    registry: str,
    context: RunContext,
    registry_state: RegistryState | None = None,
    *,
    workspaces: Collection[str] = (),
) -> AccessChangeResult:
    """Reconcile a registry, update pull secrets, and delete superseded robot accounts.

    Args:
        registry: name of the registry.
        context: the run, with its lease on the registry.
        registry_state: the state that was loaded under this lease; None to load it now.
        workspaces: workspaces that gain access.

    Raises:
        LeaseHeld: another run took over the lease on the registry.
    """
    result = await reconcile(registry, context, registry_state=registry_state, release=True)
    results, target = [result], result.target
    cluster_targets = await sync_targets(workspaces)
    if result.has_superseded_robots:
        results.append(await reconcile(registry, context.at(clock.now())))
        target = target if not target.in_force else results[-1].target
    return AccessChangeResult(
        targets=(target, *cluster_targets),
        registry_result=result,
        notes=tuple(result.note for result in results if result.note),
    )


async def sync_targets(
    workspaces: Collection[str] = (), *, allow_large: bool = False
) -> tuple[TargetResult, ...]:
    """Synchronize all clusters; return where the pull secrets are in the desired state."""
    results = await sync_registered_clusters(
        wait_seconds=LEASE_WAIT_SECONDS, allow_large=allow_large
    )
    return tuple(result.target(workspaces) for result in results)


async def sync_shared_logins(registry: str) -> tuple[TargetResult, ...]:
    """Update pull secrets after a change of visibility, where they depend on it.

    They do where public spaces need a login: all namespaces receive the pull-only user while the
    registry has a public space.
    """
    registry_spec = (await in_transaction(registries.get_registry, registry)).registry
    if registry_spec.shares_pull_user:
        return await sync_targets()
    return ()
