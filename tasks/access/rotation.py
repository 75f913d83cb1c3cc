"""Verify the secrets of robot accounts: new ones, and those that Harbor may have changed."""

import asyncio
from collections.abc import Sequence

from prefect import get_run_logger

from models.access.robot_state import RobotState
from models.core.availability import Complete
from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from models.registries.observation import Snapshot
from models.registries.robots import ObservedRobot
from tasks.concurrency import Deadline, DeadlineExceeded, map_concurrently
from tasks.registries.protocol import Credential, RegistryClient
from tasks.secrets.robot_secrets import decrypt_secrets, load_cipher

_MAX_PROOFS = 100
"""Secrets that one run tries; the next run tries the others."""

_CONCURRENCY = 4


async def verify_new_secrets(robot_state: RobotState, client: RegistryClient) -> RobotState:
    """Return the state with only those workspaces rolled out whose new secret is accepted.

    Workspaces whose new secret is rejected are marked `rejected` and get another secret. No login
    is tried unless an older robot account is waiting for deletion.

    Args:
        robot_state: robot state of one registry.
        client: client of that registry, used to try the logins.
    """
    replacements = [
        robot for robot in robot_state.replacements if robot.workspace in robot_state.rolled_out
    ]
    if not replacements:
        return robot_state
    try:
        secrets = await decrypt_secrets(
            robot_state.registry, replacements, await load_cipher(robot_state.key_check)
        )
    except InvalidRequest as error:
        get_run_logger().warning("No robot account is deleted: %s", error)
        return robot_state.model_copy(update={"rolled_out": frozenset()})
    workspaces_by_result: dict[bool | None, set[str]] = {True: set(), False: set(), None: set()}
    deadline = Deadline("verifying the new secrets", get_settings().operation_seconds)
    try:
        for robot_account in replacements:
            secret = secrets.get(robot_account.robot_id)
            credential = Credential(robot_account.login, secret) if secret else None
            is_accepted = await deadline.run(client.can_log_in(credential)) if credential else False
            workspaces_by_result[is_accepted].add(robot_account.workspace)
    except DeadlineExceeded as timeout:
        get_run_logger().warning("Some replaced robot accounts are not deleted yet: %s", timeout)
    update = {
        "rolled_out": frozenset(workspaces_by_result[True]),
        "rejected": frozenset(workspaces_by_result[False]),
    }
    return robot_state.model_copy(update=update)


async def verify_updated_secrets(
    robot_state: RobotState, snapshot: Snapshot, client: RegistryClient
) -> Snapshot:
    """Return the snapshot with the result of a login for each robot account that was updated.

    Somebody may have refreshed its secret in Harbor, after which no namespace can pull.

    Args:
        robot_state: robot state of one registry.
        snapshot: the observation of that registry.
        client: client of that registry, used to try the logins.
    """
    robots = robot_state.unproved_robots(snapshot)[:_MAX_PROOFS]
    if not robots or not isinstance(snapshot.robots, Complete):
        return snapshot
    results = await _try_secrets(robot_state, robots, client)
    items = tuple(
        robot.model_copy(update={"secret_accepted": results.get(robot.id)})
        for robot in snapshot.robots.items
    )
    return snapshot.model_copy(update={"robots": Complete[ObservedRobot](items=items)})


async def _try_secrets(
    robot_state: RobotState, robots: Sequence[ObservedRobot], client: RegistryClient
) -> dict[int, bool | None]:
    ids = {robot.id for robot in robots}
    robot_accounts = [robot for robot in robot_state.robots if robot.robot_id in ids]
    try:
        secrets = await decrypt_secrets(
            robot_state.registry, robot_accounts, await load_cipher(robot_state.key_check)
        )
    except InvalidRequest as error:
        get_run_logger().warning("Updated robot accounts were not checked: %s", error)
        return {}
    deadline = Deadline("verifying updated secrets", get_settings().operation_seconds)

    async def can_log_in(robot: ObservedRobot) -> bool | None:
        if robot.id not in secrets:
            return None
        try:
            return await deadline.run(client.can_log_in(Credential(robot.login, secrets[robot.id])))
        except DeadlineExceeded:
            return None

    results = await map_concurrently(robots, can_log_in, asyncio.Semaphore(_CONCURRENCY))
    return {robot.id: result for robot, result in zip(robots, results, strict=True)}
