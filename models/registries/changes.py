"""The changes that this service can make to a registry, their results, and drifts."""

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
        """Whether a workspace can lose access."""
        return self.after is Visibility.PRIVATE


class CreateSpace(FrozenModel):
    """Create a space that was requested and never observed."""

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
        """Always false: the space did not exist before."""
        return False


class CreateRobot(FrozenModel):
    """Create a robot account for a workspace; its secret is stored as soon as Harbor returns it.

    Attributes:
        name: name of the robot account, without Harbor's prefix.
        replaces: id of an own robot account with this name whose secret is not on record, or is
            refused: it gets a new secret.
        before: spaces of the workspace's previous robot account, which is kept until this one is
            rolled out.
        after: spaces of the new robot account.
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
        """Always false: a new robot account removes no permission."""
        return False

    @property
    def is_urgent(self) -> bool:
        """Whether it replaces a robot account with excess access or a possibly copied secret."""
        is_departure = self.reason is Reason.NAMESPACE_LEFT
        return is_departure or not set(self.before) <= set(self.after)


class UpdateRobot(FrozenModel):
    """Set the spaces that an existing robot account can pull; its secret does not change."""

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
        """Whether it removes a space, or a permission other than pull."""
        return not set(self.before) <= set(self.after) or self.reason is Reason.ROBOT_EDITED

    @property
    def is_urgent(self) -> bool:
        """Whether it removes access to spaces that are not bound."""
        return self.reduces_access


class DeleteRobot(FrozenModel):
    """Delete a robot account of this installation.

    Attributes:
        is_urgent: whether it ends access without a binding: the robot account can pull spaces that
            are not bound, or a namespace that left may have a copy of its secret. Safety limits do
            not apply.
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
        """Always true: it removes permissions."""
        return True


RobotChange = CreateRobot | UpdateRobot | DeleteRobot
Change = Annotated[SetVisibility | CreateSpace | RobotChange, Field(discriminator="kind")]


def summarize_spaces(spaces: tuple[str, ...]) -> str:
    """Return up to three space names, or the number of spaces."""
    return ", ".join(spaces) if len(spaces) <= 3 else f"{len(spaces)} spaces"


def summarize_difference(before: tuple[str, ...], after: tuple[str, ...]) -> str:
    """Return the added (+) and removed (-) spaces, at most ten of each."""
    parts = []
    for sign, names in (("+", set(after) - set(before)), ("-", set(before) - set(after))):
        parts += [f"{sign}{name}" for name in sorted(names)[:10]]
        parts += [f"{sign}{len(names) - 10} more"] if len(names) > 10 else []
    return " ".join(parts)


class ChangeResult(FrozenModel):
    """The result of one change: done, already in the desired state, or failed with a reason."""

    change: Change
    succeeded: bool
    reason: Reason
    message: str = ""


class DriftKind(StrEnum):
    """How a space differs from the last observation."""

    APPEARED = "appeared"
    MISSING = "missing"
    RETURNED = "returned"
    RECREATED = "recreated"
    EXPIRED = "retired"
    VISIBILITY = "visibility-drifted"


class DriftAction(StrEnum):
    """How a drift is handled."""

    RECORDED = "noted"
    ADOPTED = "adopted"
    ENFORCED = "enforced"
    REPORTED = "reported"


class Drift(FrozenModel):
    """A difference between the registry and its record."""

    kind: DriftKind
    space: str
    before: str
    after: str
    action: DriftAction
    reason: str
