"""Carry out a plan of pull secrets: one namespace never holds up another."""

from collections.abc import Mapping
from itertools import groupby

from prefect import get_run_logger

from models.clusters.pull_secret import ClusterChange, ClusterChangeResult, PullSecretPlan
from models.core.errors import ClusterError, LeaseHeld
from models.core.reasons import Reason
from models.core.settings import get_settings
from tasks.clusters.protocol import ClusterWriter
from tasks.concurrency import Deadline, DeadlineExceeded, gather_all


async def apply_pull_secret_plan(
    plan: PullSecretPlan, writer: ClusterWriter, contents: Mapping[str, str]
) -> tuple[ClusterChangeResult, ...]:
    """Make a plan's changes: namespaces side by side, one after the other within each.

    What is not done when the time of an operation is over is left to the next run.

    Args:
        plan: withdrawals first, then deliveries.
        writer: whom to do it to; it bounds how much is done at once.
        contents: what pull secrets shall hold, by namespace.

    Raises:
        Busy: the run lost its lease; the rest is not done.
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
    """Make one namespace's changes; the next run makes what was not made.

    What is not delivered is not handed out either, but a Secret is deleted in any case.
    """
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
        message, reason = f"{timeout}; the next run goes on", Reason.TIMED_OUT
        return ClusterChangeResult(change=change, succeeded=False, reason=reason, message=message)
    except ClusterError as error:
        return ClusterChangeResult(
            change=change, succeeded=False, reason=error.reason, message=error.message
        )
    except LeaseHeld:  # the lease is lost: nothing more may be changed, and nothing saved
        raise
    except Exception as error:  # a fault of ours must not lose the outcomes of the others
        get_run_logger().exception("%s: unforeseen", change.namespace)
        message = f"unforeseen {type(error).__name__}, see the run's log"
        reason = Reason.UNFORESEEN
        return ClusterChangeResult(change=change, succeeded=False, reason=reason, message=message)
