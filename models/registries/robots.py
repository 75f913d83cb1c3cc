"""Robot accounts that this service made, and the mark that tells them from others."""

import re
from datetime import datetime

from models.core.base import FrozenModel


class RobotAccount(FrozenModel):
    """A robot account that we made for one workspace on one registry, as it is on record.

    Its secret is on record beside it, encrypted, and never part of this value.

    Attributes:
        robot_id: Harbor's id of it.
        login: its full user name, with the prefix that Harbor is configured to show.
        spaces: what it may pull, as last known.
        secret_created_at: when its secret was made (UTC). The youngest is the one in use; an older
            one goes some time after the youngest is delivered everywhere.
        rolled_out_at: when every namespace of the workspace was first seen to hold its secret
            (UTC); told of one that supersedes another.
        created_at: when Harbor says that the robot account was created (UTC), which no change of it
            moves. With the id it tells one Harbor from another; None until it was seen.
    """

    registry: str
    workspace: str
    robot_id: int
    login: str
    spaces: tuple[str, ...] = ()
    secret_created_at: datetime
    created_at: datetime | None = None
    rolled_out_at: datetime | None = None


class OwnershipMark(FrozenModel):
    """What tells our robot accounts from others: it stands in their description.

    Attributes:
        installation: which installation of this service made it.
        registry: for which registry of that installation; empty if the mark does not say.
        workspace: whom it is for; empty for the one this service observes with.
    """

    installation: str
    registry: str = ""
    workspace: str

    @property
    def text(self) -> str:
        """The description of the robot account."""
        place = f" on {self.registry}" if self.registry else ""
        purpose = f"workspace {self.workspace}" if self.workspace else "observing"
        return (
            f"Made by registry-integration {self.installation}{place} for {purpose}. Do not edit."
        )

    def covers(self, other: "OwnershipMark") -> bool:
        """Whether a robot account with the other mark is the one that this mark is for."""
        same = (self.installation, self.workspace) == (other.installation, other.workspace)
        return same and other.registry in ("", self.registry)


_MARK_PATTERN = re.compile(
    r"Made by registry-integration ([0-9a-f]{8})(?: on ([a-z0-9-]{1,63}))? "
    r"for (?:workspace ([a-z0-9-]{1,63})|(observing))\.(?:\s|$)"
)


def parse_mark(description: str) -> OwnershipMark | None:
    """Read the mark in a robot account's description; None if it is not one of ours."""
    match = _MARK_PATTERN.match(description)
    if match is None:
        return None
    return OwnershipMark(installation=match[1], registry=match[2] or "", workspace=match[3] or "")


def robot_prefix(installation: str) -> str:
    """Return what the names of all robot accounts of one installation begin with."""
    return f"ri-{installation}"


def robot_name(installation: str, workspace: str, number: int = 1) -> str:
    """Return the name (without Harbor's prefix) of a workspace's first, second, … robot account.

    A workspace's name holds no dot, so no two workspaces share a name.
    """
    first = f"{robot_prefix(installation)}-{workspace}"
    return first if number == 1 else f"{first}.{number}"


def observer_name(installation: str) -> str:
    """Return the name of the robot account that this service observes with."""
    return f"{robot_prefix(installation)}.observer"


class ObservedRobot(FrozenModel):
    """A robot account with our mark, as Harbor shows it.

    Attributes:
        pull_only: it holds `repository:pull` on `spaces` and nothing else.
        has_expiry: it has an end, which we never give it.
        created_at: when Harbor says that it was created (UTC); None if it does not say.
    """

    id: int
    login: str
    mark: OwnershipMark
    spaces: tuple[str, ...] = ()
    pull_only: bool = True
    disabled: bool = False
    has_expiry: bool = False
    created_at: datetime | None = None

    @property
    def name(self) -> str:
        """Its name without the prefix that Harbor shows before it."""
        start = self.login.find(robot_prefix(self.mark.installation))
        return self.login[max(start, 0) :]
