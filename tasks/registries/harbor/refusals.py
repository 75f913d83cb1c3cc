"""Explain why Harbor refused to change a robot account, and what to do."""

import re

from models.core.errors import Forbidden, NotFound, RemoteError
from models.core.reasons import Reason

_REQUIRED_RIGHTS = {"POST": "robot:create", "DELETE": "robot:delete", "GET": "robot:list"}


def explain_refusal(error: RemoteError) -> RemoteError:
    """Return the error with a message that names the missing right or object."""
    if isinstance(error, NotFound):
        return _not_found_error(error)
    if isinstance(error, Forbidden):
        return _with_message(error, f"{error.message}: {_missing_right(error)}")
    return error


def _not_found_error(error: NotFound) -> RemoteError:
    # A PUT is answered 404 for the robot account itself, and for a project in its permissions.
    if re.search(r"robot \d+ not found", error.message):
        return _with_message(
            error, "the robot account no longer exists; the next run creates a new one"
        )
    project = re.search(r"project (\S+) not found", error.message)
    if project is None:
        return error
    message = (
        f"the space {project[1]} no longer exists, so no access was granted; "
        "the next run grants access without it"
    )
    return _with_message(error, message, Reason.SPACES_MISSING)


def _missing_right(error: Forbidden) -> str:
    if "permission scope is invalid" in error.message:
        return (
            "a robot account can grant only its own rights: give it repository:pull on all "
            "projects, or use a system administrator"
        )
    right = _REQUIRED_RIGHTS.get(error.method)
    if right is None:
        return "a robot account cannot edit another one: use a system administrator"
    return (
        f"the credential lacks {right} on the system: give it to the robot account "
        "(Harbor 2.12 or newer), or use a system administrator"
    )


def _with_message(error: RemoteError, message: str, reason: Reason | None = None) -> RemoteError:
    return type(error)(
        error.target,
        error.method,
        error.url,
        message,
        reason or error.reason,
        status=error.status,
    )
