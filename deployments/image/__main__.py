"""`python -m deployments.image COMMAND`: the entry point of the container image.

Each command replaces this process, so signals reach it. A secret may be in a file instead of a
variable: NAME_FILE names it, for each of `SECRET_VARIABLES`.
"""

import os
import sys
from collections.abc import Mapping, Sequence

from deployments.data_dir import check_complete
from deployments.environment import log_environment
from deployments.image.secret_files import SecretFileError, read_secret_files
from deployments.image.server import UnguardedServer, server_variables
from models.core.errors import InvalidRequest
from models.core.settings import get_settings

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "server": ("prefect", "server", "start"),
    "worker": ("deployments.worker",),
    "console": ("deployments.console",),
    "migrate": ("deployments.migrate",),
    "deploy": ("deployments.deploy",),
    "wait": ("deployments.image.wait",),
    "apply": ("deployments.configuration", "apply"),
    "plan": ("deployments.configuration", "plan"),
    "backup": ("deployments.backup",),
    "restore": ("deployments.restore",),
}
"""What `python -m` runs, by command; further arguments are passed on."""


def main(arguments: Sequence[str]) -> int:
    """Run a command; return only if it cannot be started."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        names = ", ".join(COMMANDS)
        print(f"Usage: COMMAND [ARGUMENTS]. Commands: {names}", file=sys.stderr)
        return 2
    try:
        environment = dict(os.environ) | read_secret_files(os.environ) | log_environment()
        if arguments[0] == "server":
            check_complete(get_settings().data_dir)
            environment |= server_variables(environment)
    except (SecretFileError, UnguardedServer, InvalidRequest) as error:
        print(f"The command did not start: {error}", file=sys.stderr)
        return 1
    command_line = [sys.executable, "-m", *command, *arguments[1:]]
    return os.execve(sys.executable, command_line, environment)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
