"""Verify new robot account secrets before the old robot accounts are deleted."""

from prefect import get_run_logger

from models.access.robot_state import RobotState
from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from tasks.concurrency import Deadline, DeadlineExceeded
from tasks.registries.protocol import Credential, RegistryClient
from tasks.secrets.robot_secrets import decrypt_secrets, load_cipher


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
