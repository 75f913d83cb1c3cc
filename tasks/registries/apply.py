"""Carry out a plan: each change on its own, one failure never holding up the rest."""

from itertools import groupby

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr

from models.core.errors import Busy, RegistryError
from models.core.reasons import Reason
from models.core.settings import settings
from models.registries.changes import Change, Outcome
from models.registries.plan import Plan
from models.registries.robots import Grant
from tasks.concurrency import Deadline, OverTime, side_by_side
from tasks.registries.protocol import Keep, RegistryWriter


@task(
    name="apply",
    task_run_name="apply {plan.registry}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def apply(
    plan: Plan, writer: RegistryWriter, installation: str = "", keep: Keep | None = None
) -> tuple[Outcome, ...]:
    """Make the plan's changes: all that narrow before any that widens, otherwise side by side.

    Each request is retried by the client if it may be repeated, so this task is not. What is not
    done when the time of an operation is over is left to the next run.

    Args:
        plan: what to do.
        writer: whom to do it to.
        installation: who we are, for the mark of robot accounts.
        keep: takes their secrets; only a plan that makes none goes without.

    Raises:
        Busy: the run lost its lease; the rest is not done.
    """
    kept = keep or _nowhere
    end = Deadline("applying the changes", settings().operation_seconds)
    outcomes: list[Outcome] = []
    for _, changes in groupby(plan.changes, key=lambda change: change.narrows):
        outcomes += await side_by_side(
            *(_make(writer, change, installation, kept, end) for change in changes)
        )
    return tuple(outcomes)


async def _nowhere(grant: Grant, secret: SecretStr) -> None:
    raise RuntimeError(f"nothing keeps the secret of {grant.login}")


async def _make(
    writer: RegistryWriter, change: Change, installation: str, keep: Keep, end: Deadline
) -> Outcome:
    try:
        return await end.run(writer.make(change, installation, keep))
    except OverTime as over:
        said = f"{over}; the next run goes on"
        return Outcome(change=change, done=False, reason=Reason.TIMED_OUT, message=said)
    except RegistryError as error:
        return Outcome(change=change, done=False, reason=error.reason, message=error.said)
    except Busy:  # the lease is lost: nothing more may be changed, and nothing saved
        raise
    except Exception as error:  # a fault of ours must not lose the outcomes of the others
        get_run_logger().exception("%s: unforeseen", change.subject)
        said = f"unforeseen {type(error).__name__}, see the run's log"
        return Outcome(change=change, done=False, reason=Reason.UNFORESEEN, message=said)
