"""Apply a plan; each change is applied on its own, so a failure does not stop the others."""

from itertools import groupby

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr

from models.core.errors import LeaseHeld, RemoteError
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
    """Apply all changes that reduce access, then the others; concurrently within each group.

    The task has no retries: the client retries each repeatable request. Changes that are not
    applied within `operation_seconds` are left to the next run.

    Args:
        plan: changes to apply, in order.
        writer: client of the registry.
        installation: installation id, for the ownership mark of robot accounts.
        save_secret: saves the secrets of new robot accounts; required if the plan creates any.

    Returns:
        One result per change.

    Raises:
        LeaseHeld: the run lost its lease; the remaining changes are not applied.
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
    raise RuntimeError(f"no save_secret given: cannot save the secret of {robot_account.login}")


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
        reason, message = Reason.TIMED_OUT, f"{timeout}; the next run continues"
    except RemoteError as error:
        reason, message = error.reason, error.message
    except LeaseHeld:  # without the lease, nothing may be changed or saved
        raise
    except Exception as error:  # it must not discard the other results
        get_run_logger().exception("%s: unexpected error", change.subject)
        reason = Reason.UNFORESEEN
        message = f"unexpected {type(error).__name__}, see the run's log"
    return ChangeResult(change=change, succeeded=False, reason=reason, message=message)
