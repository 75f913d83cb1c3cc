"""Carry out a plan of pull secrets: one namespace never holds up another."""

from collections.abc import Mapping
from itertools import groupby

from prefect import get_run_logger

from models.clusters.pull_secret import ClusterChange, ClusterOutcome, DeliveryPlan
from models.core.errors import Busy, ClusterError
from models.core.reasons import Reason
from models.core.settings import settings
from tasks.clusters.protocol import ClusterWriter
from tasks.concurrency import Deadline, OverTime, side_by_side


async def apply_deliveries(
    plan: DeliveryPlan, writer: ClusterWriter, contents: Mapping[str, str]
) -> tuple[ClusterOutcome, ...]:
    """Make a plan's changes: namespaces side by side, one after the other within each.

    What is not done when the time of an operation is over is left to the next run.

    Args:
        plan: withdrawals first, then deliveries.
        writer: whom to do it to; it bounds how much is done at once.
        contents: what pull secrets shall hold, by namespace.

    Raises:
        Busy: the run lost its lease; the rest is not done.
    """
    outcomes: list[ClusterOutcome] = []
    end = Deadline("applying the changes", settings().operation_seconds)
    for _, changes in groupby(plan.changes, key=lambda change: change.narrows):
        by_namespace: dict[str, list[ClusterChange]] = {}
        for change in changes:
            by_namespace.setdefault(change.namespace, []).append(change)
        works = (_in_turn(writer, each, contents, end) for each in by_namespace.values())
        outcomes += [outcome for done in await side_by_side(*works) for outcome in done]
    return tuple(outcomes)


async def _in_turn(
    writer: ClusterWriter,
    changes: list[ClusterChange],
    contents: Mapping[str, str],
    end: Deadline,
) -> list[ClusterOutcome]:
    """Make one namespace's changes; the next run makes what was not made.

    What is not delivered is not handed out either, but a Secret is deleted in any case.
    """
    outcomes: list[ClusterOutcome] = []
    for change in changes:
        outcomes.append(await _make(writer, change, contents, end))
        if not (outcomes[-1].done or change.narrows):
            break
    return outcomes


async def _make(
    writer: ClusterWriter, change: ClusterChange, contents: Mapping[str, str], end: Deadline
) -> ClusterOutcome:
    try:
        return await end.run(writer.make(change, contents))
    except OverTime as over:
        said, reason = f"{over}; the next run goes on", Reason.TIMED_OUT
        return ClusterOutcome(change=change, done=False, reason=reason, message=said)
    except ClusterError as error:
        return ClusterOutcome(change=change, done=False, reason=error.reason, message=error.said)
    except Busy:  # the lease is lost: nothing more may be changed, and nothing saved
        raise
    except Exception as error:  # a fault of ours must not lose the outcomes of the others
        get_run_logger().exception("%s: unforeseen", change.namespace)
        said = f"unforeseen {type(error).__name__}, see the run's log"
        reason = Reason.UNFORESEEN
        return ClusterOutcome(change=change, done=False, reason=reason, message=said)
