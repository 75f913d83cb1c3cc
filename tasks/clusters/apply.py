"""Apply a pull secret plan; a failure in one namespace does not stop the others."""

from collections.abc import Mapping
from itertools import groupby

from prefect import get_run_logger

from models.clusters.pull_secret import ClusterChange, ClusterChangeResult, PullSecretPlan
from models.core.errors import LeaseHeld, RemoteError
from models.core.reasons import Reason
from models.core.settings import get_settings
from tasks.clusters.protocol import ClusterWriter
from tasks.concurrency import Deadline, DeadlineExceeded, gather_all


async def apply_pull_secret_plan(
    plan: PullSecretPlan, writer: ClusterWriter, contents: Mapping[str, str]
) -> tuple[ClusterChangeResult, ...]:
    """Apply all changes that reduce access, then the others.

    Namespaces are processed concurrently, the changes within a namespace in order. Changes that
    are not applied within `operation_seconds` are left to the next run.

    Args:
        plan: changes to apply, in order.
        writer: client of the cluster; it limits the concurrency.
        contents: dockerconfigjson texts by namespace.

    Returns:
        One result per attempted change.

    Raises:
        LeaseHeld: the run lost its lease; the remaining changes are not applied.
    """
    results: list[ClusterChangeResult] = []
    deadline = Deadline("applying the changes", get_settings().operation_seconds)
    for _, changes in groupby(plan.changes, key=lambda change: change.reduces_access):
        by_namespace: dict[str, list[ClusterChange]] = {}
        for change in changes:
            by_namespace.setdefault(change.namespace, []).append(change)
        coroutines = (
            _apply_in_order(writer, namespace_changes, contents, deadline)
            for namespace_changes in by_namespace.values()
        )
        results += [
            result
            for namespace_results in await gather_all(*coroutines)
            for result in namespace_results
        ]
    return tuple(results)


async def _apply_in_order(
    writer: ClusterWriter,
    changes: list[ClusterChange],
    contents: Mapping[str, str],
    deadline: Deadline,
) -> list[ClusterChangeResult]:
    # If a Secret could not be written, the ServiceAccount must not reference it: skip the rest,
    # which the next run applies. Changes that reduce access are always attempted.
    results: list[ClusterChangeResult] = []
    for change in changes:
        results.append(await _apply_change(writer, change, contents, deadline))
        if not (results[-1].succeeded or change.reduces_access):
            break
    return results


async def _apply_change(
    writer: ClusterWriter, change: ClusterChange, contents: Mapping[str, str], deadline: Deadline
) -> ClusterChangeResult:
    try:
        return await deadline.run(writer.apply_change(change, contents))
    except DeadlineExceeded as timeout:
        message, reason = f"{timeout}; the next run continues", Reason.TIMED_OUT
        return ClusterChangeResult(change=change, succeeded=False, reason=reason, message=message)
    except RemoteError as error:
        return ClusterChangeResult(
            change=change, succeeded=False, reason=error.reason, message=error.message
        )
    except LeaseHeld:  # without the lease, nothing may be changed or saved
        raise
    except Exception as error:  # it must not discard the other results
        get_run_logger().exception("%s: unexpected error", change.namespace)
        message = f"unexpected {type(error).__name__}, see the run's log"
        reason = Reason.UNFORESEEN
        return ClusterChangeResult(change=change, succeeded=False, reason=reason, message=message)
