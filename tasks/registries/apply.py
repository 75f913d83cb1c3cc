"""Apply a plan; each change is applied on its own, so a failure does not stop the others."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr

from models.core.reasons import Reason
from models.registries.changes import Change, ChangeResult
from models.registries.plan import Plan
from models.registries.robots import RobotAccount
from tasks.apply import apply_changes
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
    """Apply all changes of a plan; see `apply_changes`.

    The task has no retries: the client retries each repeatable request.

    Args:
        plan: changes to apply, in order.
        writer: client of the registry.
        installation: installation id, for the ownership mark of robot accounts.
        save_secret: saves the secrets of new robot accounts; required if the plan creates any.

    Raises:
        LeaseHeld: the run lost its lease; the remaining changes are not applied.
    """
    save = save_secret or _refuse_secret
    return await apply_changes(
        plan.changes, lambda change: writer.apply_change(change, installation, save), _to_failure
    )


async def _refuse_secret(robot_account: RobotAccount, secret: SecretStr) -> None:
    raise RuntimeError(f"no save_secret given: cannot save the secret of {robot_account.login}")


def _to_failure(change: Change, reason: Reason, message: str) -> ChangeResult:
    return ChangeResult(change=change, succeeded=False, reason=reason, message=message)
