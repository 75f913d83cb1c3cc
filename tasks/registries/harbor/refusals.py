"""What it means, and what to do, when Harbor refuses to change a robot account."""

import re

from models.core.errors import Forbidden, NotFound, RegistryError
from models.core.reasons import Reason

_REQUIRED_RIGHTS = {"POST": "robot:create", "DELETE": "robot:delete", "GET": "robot:list"}


def explain_refusal(error: RegistryError) -> RegistryError:
    """Return the same error in words that say what is missing."""
    if isinstance(error, NotFound):
        return _not_found_error(error)
    if isinstance(error, Forbidden):
        return _with_message(error, f"{error.message}: {_missing_right(error)}")
    return error


def _not_found_error(error: NotFound) -> RegistryError:
    """A PUT is answered 404 for the robot itself, and for a project it is to pull."""
    if re.search(r"robot \d+ not found", error.message):
        return _with_message(error, "the robot account is gone; the next run makes a new one")
    project = re.search(r"project (\S+) not found", error.message)
    if project is None:
        return error
    message = (
        f"the space {project[1]} was deleted meanwhile, so nothing was granted; "
        "the next look finds that out and leaves it out"
    )
    return _with_message(error, message, Reason.SPACES_MISSING)


def _missing_right(error: Forbidden) -> str:
    if "permission scope is invalid" in error.message:
        return (
            "a robot account gives away only what it holds: give it repository:pull on all "
            "projects, or use a system administrator"
        )
    right = _REQUIRED_RIGHTS.get(error.method)
    if right is None:
        return "no robot account may edit another, a system administrator may"
    return (
        f"the credential lacks {right} on the system: give it to the robot account "
        "(Harbor 2.12 or newer), or use a system administrator"
    )


def _with_message(
    error: RegistryError, message: str, reason: Reason | None = None
) -> RegistryError:
    return type(error)(error.registry, error.method, error.url, message, reason or error.reason)
