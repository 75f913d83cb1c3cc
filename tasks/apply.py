"""Carry out a plan: each change on its own, one failure never holding up the rest."""

from itertools import groupby

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from models.change import Change, Outcome
from models.errors import RegistryError
from models.plan import Plan
from models.reason import Reason
from tasks.concurrency import side_by_side
from tasks.registries.protocol import RegistryWriter


@task(
    name="apply",
    task_run_name="apply {plan.registry}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def apply(plan: Plan, writer: RegistryWriter) -> tuple[Outcome, ...]:
    """Make the plan's changes: all that narrow before any that widens, otherwise side by side.

    Each request is retried by the client if it may be repeated, so this task is not.
    """
    outcomes: list[Outcome] = []
    for _, changes in groupby(plan.changes, key=lambda change: change.narrows):
        outcomes += await side_by_side(*(_make(writer, change) for change in changes))
    return tuple(outcomes)


async def _make(writer: RegistryWriter, change: Change) -> Outcome:
    try:
        return await writer.make(change)
    except RegistryError as error:
        return Outcome(change=change, done=False, reason=error.reason, message=error.said)
    except Exception as error:  # a fault of ours must not lose the outcomes of the others
        get_run_logger().exception("%s: unforeseen", change.space)
        said = f"unforeseen {type(error).__name__}, see the run's log"
        return Outcome(change=change, done=False, reason=Reason.UNFORESEEN, message=said)
