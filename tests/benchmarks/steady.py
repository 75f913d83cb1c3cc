"""Reconcile one registry as reconcile-all does, or as a person does."""

from flows.operations.reconcile_registry import (
    AS_FUNCTIONS,
    AS_TASKS,
    hold_registry,
    reconcile,
)
from flows.operations.run_results import RegistryRunResult


async def reconcile_steadily(name: str, *, resync: bool = False) -> RegistryRunResult:
    """Reconcile as reconcile-all does, or (`resync`) as a person does."""
    steps = AS_TASKS if resync else AS_FUNCTIONS
    async with hold_registry(name, wait_seconds=60, with_spaces=resync) as (context, state):
        return await reconcile(
            name,
            context,
            steps,
            allow_large=resync,
            resync=resync,
            registry_state=state,
            release=True,
        )
