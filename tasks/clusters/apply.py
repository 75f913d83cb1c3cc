"""Apply a pull secret plan; a failure in one namespace does not stop the others."""

from collections.abc import Mapping

from models.clusters.pull_secret import (
    ClusterChange,
    ClusterChangeResult,
    PullSecretPlan,
    WriteSecret,
)
from models.core.reasons import Reason
from tasks.apply import apply_changes
from tasks.clusters.protocol import ClusterWriter


async def apply_pull_secret_plan(
    plan: PullSecretPlan, writer: ClusterWriter, contents: Mapping[str, str]
) -> tuple[ClusterChangeResult, ...]:
    """Apply all changes of a plan; see `apply_changes`.

    The changes within a namespace are applied in order: if a Secret could not be written, its
    ServiceAccount must not reference it.

    Args:
        plan: changes to apply, in order.
        writer: client of the cluster; it limits the concurrency.
        contents: dockerconfigjson texts by namespace.

    Raises:
        LeaseHeld: the run lost its lease; the remaining changes are not applied.
    """
    return await apply_changes(
        plan.changes,
        lambda change: writer.apply_change(change, contents),
        _to_failure,
        queue_key=lambda change: change.namespace,
        stops_queue=lambda change: isinstance(change, WriteSecret),
    )


def _to_failure(change: ClusterChange, reason: Reason, message: str) -> ClusterChangeResult:
    return ClusterChangeResult(change=change, succeeded=False, reason=reason, message=message)
