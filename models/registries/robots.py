"""Robot accounts of this service, and the ownership mark in their description."""

import re
from datetime import datetime

from models.core.base import FrozenModel


class RobotAccount(FrozenModel):
    """The record of a robot account for one workspace in one registry.

    The encrypted secret is stored in the same row, but is never part of this model.

    Attributes:
        robot_id: id in Harbor.
        login: full user name, with the prefix that Harbor is configured to use.
        spaces: the spaces that it can pull, as last observed.
        secret_created_at: when its secret was created (UTC). The newest robot account is in use; an
            older one is deleted some time after the newest is rolled out to all namespaces.
        rolled_out_at: when all namespaces of the workspace were first observed with its secret
            (UTC); set only if the robot account supersedes another one.
        created_at: creation time in Harbor (UTC), which no update changes. Together with the id it
            identifies the Harbor instance; None until it was observed.
        proved_at: time of the last update in Harbor after which the secret was accepted (UTC); None
            if it was never tried.
    """

    registry: str
    workspace: str
    robot_id: int
    login: str
    spaces: tuple[str, ...] = ()
    secret_created_at: datetime
    created_at: datetime | None = None
    rolled_out_at: datetime | None = None
    proved_at: datetime | None = None

    def may_have_other_secret(self, robot: "ObservedRobot") -> bool:
        """Return whether the observed robot account may have got another secret.

        Harbor moves the time of the last update when a secret is refreshed, and when a robot
        account is edited. One that was never updated has the secret of its creation.
        """
        return robot.updated_at not in (None, self.proved_at or self.created_at)


class OwnershipMark(FrozenModel):
    """The mark in the description of this installation's robot accounts.

    Attributes:
        installation: id of the installation that created the robot account.
        registry: name of the registry in that installation; empty if the mark contains none.
        workspace: the workspace; empty for the observer.
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
        """Return whether a robot account with the other mark belongs to this mark's owner."""
        same = (self.installation, self.workspace) == (other.installation, other.workspace)
        return same and other.registry in ("", self.registry)


_MARK_PATTERN = re.compile(
    r"Made by registry-integration ([0-9a-f]{8})(?: on ([a-z0-9-]{1,63}))? "
    r"for (?:workspace ([a-z0-9-]{1,63})|(observing))\.(?:\s|$)"
)


def parse_mark(description: str) -> OwnershipMark | None:
    """Parse the mark in the description of a robot account; None if there is no mark."""
    match = _MARK_PATTERN.match(description)
    if match is None:
        return None
    return OwnershipMark(installation=match[1], registry=match[2] or "", workspace=match[3] or "")


def robot_prefix(installation: str) -> str:
    """Return the common name prefix of all robot accounts of one installation."""
    return f"ri-{installation}"


def robot_name(installation: str, workspace: str, number: int = 1) -> str:
    """Return the name, without Harbor's prefix, of a workspace's robot account by number."""
    # A workspace name contains no dot, so robot accounts of two workspaces never share a name.
    first = f"{robot_prefix(installation)}-{workspace}"
    return first if number == 1 else f"{first}.{number}"


def observer_name(installation: str) -> str:
    """Return the name of the robot account that this service uses for observations."""
    return f"{robot_prefix(installation)}.observer"


class ObservedRobot(FrozenModel):
    """A robot account with the mark of this installation, as observed in Harbor.

    Attributes:
        pull_only: whether its only permission is `repository:pull` on `spaces`.
        has_expiry: whether it expires; this service creates robot accounts without expiry.
        created_at: creation time in Harbor (UTC); None if Harbor does not report it.
        updated_at: time of the last update in Harbor (UTC), which is at first the creation time;
            None if Harbor does not report it.
        secret_accepted: whether Harbor accepted the secret on record in this observation; None if
            it was not tried, or without a conclusive result.
    """

    id: int
    login: str
    mark: OwnershipMark
    spaces: tuple[str, ...] = ()
    pull_only: bool = True
    disabled: bool = False
    has_expiry: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    secret_accepted: bool | None = None

    @property
    def name(self) -> str:
        """The name without Harbor's prefix."""
        start = self.login.find(robot_prefix(self.mark.installation))
        return self.login[max(start, 0) :]
