"""Plan a registry, within the safety limits and with what the registry allows now."""

from datetime import datetime

from models.access.robot_state import RobotState
from models.core.availability import Complete
from models.core.errors import InvalidRequest
from models.core.plural import pluralize
from models.core.settings import get_settings
from models.registries.observation import Snapshot
from models.registries.plan import Plan
from models.registries.registry import Registry
from models.registries.space import Space
from models.registries.space_plan import plan_spaces
from tasks.registries.protocol import SaveSecret
from tasks.secrets.robot_secrets import load_cipher, secret_saver


def plan_registry(
    registry: Registry,
    spaces: tuple[Space, ...],
    robot_state: RobotState,
    snapshot: Snapshot,
    now: datetime,
) -> Plan:
    """Plan the spaces and robot accounts of a registry.

    Args:
        registry: the registry.
        spaces: its spaces on record.
        robot_state: its bindings and robot accounts on record.
        snapshot: the observation.
        now: time of the run (UTC).
    """
    bound_spaces = {space for spaces in robot_state.bound_spaces.values() for space in spaces}
    plan = plan_spaces(
        registry,
        spaces,
        snapshot,
        now=now,
        grace=get_settings().missing_grace,
        bound_spaces=bound_spaces,
    )
    plan = plan.with_held_bindings(robot_state.bindings_to_hold(snapshot))
    robot_count = len(snapshot.robots.items) if isinstance(snapshot.robots, Complete) else 0
    return plan.with_robot_plan(
        robot_state.without_spaces(plan.bindings_to_hold).plan(snapshot), robot_count
    )


def wait_until_writable(snapshot: Snapshot, plan: Plan, *, allow_large: bool) -> tuple[Plan, str]:
    """Return the plan for a registry that accepts no changes now, and what is not made, and why.

    Args:
        snapshot: the observation, with the reason.
        plan: the plan.
        allow_large: whether the safety limits are lifted.
    """
    # Each change would be refused, every minute. Records are updated, and pulls go on.
    waiting = f"{snapshot.read_only_reason} ({pluralize(len(plan.changes), 'change')} not made)"
    limits = None if allow_large else get_settings().change_limits
    return plan.for_read_only(snapshot.read_only_reason, limits), waiting


async def apply_limits(
    plan: Plan, key_check: str, *, dry_run: bool, allow_large: bool
) -> tuple[Plan, SaveSecret | None, str]:
    """Reduce a plan to what the safety limits, and the key for new secrets, allow.

    Args:
        plan: the plan.
        key_check: see `load_cipher`.
        dry_run: whether the plan is only shown: then it stays whole.
        allow_large: whether the safety limits are lifted.

    Returns:
        The allowed plan, the function that saves new secrets, and why the plan was reduced.
    """
    exceeded = plan.exceeded_limit(get_settings().change_limits)
    unsafe_reason = exceeded.message if exceeded and not allow_large else ""
    if dry_run:
        return plan, None, unsafe_reason
    if unsafe_reason:
        plan = plan.safe_subset()
    if not plan.creates_robots:
        return plan, None, unsafe_reason
    try:
        return plan, secret_saver(await load_cipher(key_check)), unsafe_reason
    except InvalidRequest as error:
        return plan.without_new_robots(), None, unsafe_reason or f"{plan.registry}: {error}"
