"""The closed list of changes this service makes to a registry, and the drifts it notices."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.registries.space import Visibility


class SetVisibility(FrozenModel):
    """Make an existing space public or private."""

    kind: Literal["set-visibility"] = "set-visibility"
    space: str
    remote_id: int | None = None
    before: Visibility
    after: Visibility
    reason: Reason

    @property
    def subject(self) -> str:
        """The space."""
        return self.space

    @property
    def reduces_access(self) -> bool:
        """Whether somebody may lose access by it."""
        return self.after is Visibility.PRIVATE


class CreateSpace(FrozenModel):
    """Create a space that was asked for and never seen."""

    kind: Literal["create-space"] = "create-space"
    space: str
    before: None = None
    after: Visibility
    reason: Reason = Reason.REQUESTED

    @property
    def subject(self) -> str:
        """The space."""
        return self.space

    @property
    def reduces_access(self) -> bool:
        """Nobody can lose what was not there."""
        return False


class CreateRobot(FrozenModel):
    """Make a robot account for a workspace; its secret is kept the moment it is told.

    Attributes:
        name: the robot's, without Harbor's prefix.
        before: what an older robot of the workspace may pull; it stays until this one is delivered.
        replaces: id of a robot of ours with that name whose secret nobody knows.
    """

    kind: Literal["make-grant"] = "make-grant"
    workspace: str
    name: str
    replaces: int | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...]
    reason: Reason

    @property
    def subject(self) -> str:
        """The workspace."""
        return self.workspace

    @property
    def reduces_access(self) -> bool:
        """A new robot takes nothing from anybody."""
        return False

    @property
    def is_urgent(self) -> bool:
        """Whether it replaces a robot that can pull what is not bound, or that others may use."""
        is_departure = self.reason is Reason.NAMESPACE_LEFT
        return is_departure or not set(self.before) <= set(self.after)


class UpdateRobot(FrozenModel):
    """Let an existing robot account pull exactly these spaces; its secret stays."""

    kind: Literal["edit-grant"] = "edit-grant"
    workspace: str
    robot_id: int
    login: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    reason: Reason

    @property
    def subject(self) -> str:
        """The workspace."""
        return self.workspace

    @property
    def reduces_access(self) -> bool:
        """Whether a space is taken away, or a right beyond pulling."""
        return not set(self.before) <= set(self.after) or self.reason is Reason.ROBOT_EDITED

    @property
    def is_urgent(self) -> bool:
        """Whether it ends access that no binding justifies."""
        return self.reduces_access


class DeleteRobot(FrozenModel):
    """Delete a robot account of ours.

    Attributes:
        is_urgent: it ends access that no binding justifies (any more): it can pull what the
            workspace is not bound to, or somebody who left may hold its secret. No safety limit
            holds it up.
    """

    kind: Literal["revoke-grant"] = "revoke-grant"
    workspace: str
    robot_id: int
    login: str
    before: tuple[str, ...]
    after: tuple[()] = ()
    reason: Reason
    is_urgent: bool = False

    @property
    def subject(self) -> str:
        """The workspace."""
        return self.workspace

    @property
    def reduces_access(self) -> bool:
        """It takes rights away."""
        return True


RobotChange = CreateRobot | UpdateRobot | DeleteRobot
Change = Annotated[SetVisibility | CreateSpace | RobotChange, Field(discriminator="kind")]


def summarize_spaces(spaces: tuple[str, ...]) -> str:
    """Tell of many spaces in few words."""
    return ", ".join(spaces) if len(spaces) <= 3 else f"{len(spaces)} spaces"


def summarize_difference(before: tuple[str, ...], after: tuple[str, ...]) -> str:
    """Tell which spaces come and go, the first ten of each."""
    parts = []
    for sign, names in (("+", set(after) - set(before)), ("-", set(before) - set(after))):
        parts += [f"{sign}{name}" for name in sorted(names)[:10]]
        parts += [f"{sign}{len(names) - 10} more"] if len(names) > 10 else []
    return " ".join(parts)


class ChangeResult(FrozenModel):
    """What became of one change: done, already so, or failed with a reason."""

    change: Change
    succeeded: bool
    reason: Reason
    message: str = ""


class DriftKind(StrEnum):
    """What differs from the last look."""

    APPEARED = "appeared"
    MISSING = "missing"
    RETURNED = "returned"
    RECREATED = "recreated"
    EXPIRED = "retired"
    VISIBILITY = "visibility-drifted"


class DriftAction(StrEnum):
    """What is done about a drift."""

    RECORDED = "noted"
    ADOPTED = "adopted"
    ENFORCED = "enforced"
    REPORTED = "reported"


class Drift(FrozenModel):
    """A fact: the registry is not as it was left."""

    kind: DriftKind
    space: str
    before: str
    after: str
    action: DriftAction
    reason: str
