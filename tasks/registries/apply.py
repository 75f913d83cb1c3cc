"""Carry out a plan: each change on its own, one failure never holding up the rest."""

from itertools import groupby

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr

from models.core.errors import LeaseHeld, RegistryError
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.changes import Change, ChangeResult
from models.registries.plan import Plan
from models.registries.robots import RobotAccount
from tasks.concurrency import Deadline, DeadlineExceeded, gather_all
from tasks.registries.protocol import RegistryWriter, SaveSecret


@task(
    name="apply",
    task_run_name="apply {plan.registry}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def apply(
    plan: Plan,
    writer: RegistryWriter,
    installation: str = "",
    save_secret: SaveSecret | None = None,
) -> tuple[ChangeResult, ...]:
    """Make the plan's changes: all that narrow before any that widens, otherwise side by side.

    Each request is retried by the client if it may be repeated, so this task is not. What is not
    done when the time of an operation is over is left to the next run.

    Args:
        plan: what to do.
        writer: whom to do it to.
        installation: who we are, for the mark of robot accounts.
        save_secret: takes their secrets; only a plan that makes none goes without.

    Raises:
        Busy: the run lost its lease; the rest is not done.
    """
    save = save_secret or _refuse_secret
    deadline = Deadline("applying the changes", get_settings().operation_seconds)
    results: list[ChangeResult] = []
    for _, changes in groupby(plan.changes, key=lambda change: change.reduces_access):
        results += await gather_all(
            *(_apply_change(writer, change, installation, save, deadline) for change in changes)
        )
    return tuple(results)


async def _refuse_secret(robot_account: RobotAccount, secret: SecretStr) -> None:
    raise RuntimeError(f"nothing keeps the secret of {robot_account.login}")


async def _apply_change(
    writer: RegistryWriter,
    change: Change,
    installation: str,
    save_secret: SaveSecret,
    deadline: Deadline,
) -> ChangeResult:
    try:
        return await deadline.run(writer.apply_change(change, installation, save_secret))
    except DeadlineExceeded as timeout:
        reason, message = Reason.TIMED_OUT, f"{timeout}; the next run goes on"
    except RegistryError as error:
        reason, message = error.reason, error.message
    except LeaseHeld:  # the lease is lost: nothing more may be changed, and nothing saved
        raise
    except Exception as error:  # a fault of ours must not lose the outcomes of the others
        get_run_logger().exception("%s: unforeseen", change.subject)
        reason = Reason.UNFORESEEN
        message = f"unforeseen {type(error).__name__}, see the run's log"
    return ChangeResult(change=change, succeeded=False, reason=reason, message=message)
