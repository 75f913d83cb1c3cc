"""What it means, and what to do, when Harbor refuses to change a robot account."""

import re

from models.core.errors import Forbidden, NotFound, RegistryError
from models.core.reasons import Reason

_RIGHTS = {"POST": "robot:create", "DELETE": "robot:delete", "GET": "robot:list"}


def explained(error: RegistryError) -> RegistryError:
    """Return the same error in words that say what is missing."""
    if isinstance(error, NotFound):
        return _missing(error)
    if isinstance(error, Forbidden):
        return _retold(error, f"{error.said}: {_lacking(error)}")
    return error


def _missing(error: NotFound) -> RegistryError:
    """A PUT is answered 404 for the robot itself, and for a project it is to pull."""
    if re.search(r"robot \d+ not found", error.said):
        return _retold(error, "the robot account is gone; the next run makes a new one")
    project = re.search(r"project (\S+) not found", error.said)
    if project is None:
        return error
    said = (
        f"the space {project[1]} was deleted meanwhile, so nothing was granted; "
        "the next look finds that out and leaves it out"
    )
    return _retold(error, said, Reason.SPACES_MISSING)


def _lacking(error: Forbidden) -> str:
    if "permission scope is invalid" in error.said:
        return (
            "a robot account gives away only what it holds: give it repository:pull on all "
            "projects, or use a system administrator"
        )
    right = _RIGHTS.get(error.method)
    if right is None:
        return "no robot account may edit another, a system administrator may"
    return (
        f"the credential lacks {right} on the system: give it to the robot account "
        "(Harbor 2.12 or newer), or use a system administrator"
    )


def _retold(error: RegistryError, said: str, reason: Reason | None = None) -> RegistryError:
    return type(error)(error.registry, error.method, error.url, said, reason or error.reason)
