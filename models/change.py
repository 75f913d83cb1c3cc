"""The closed list of changes this service makes to a registry, and the drifts it notices."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from models.base import Value
from models.reason import Reason
from models.space import Visibility


class SetVisibility(Value):
    """Make an existing space public or private."""

    kind: Literal["set-visibility"] = "set-visibility"
    space: str
    remote_id: int | None = None
    before: Visibility
    after: Visibility
    reason: Reason

    @property
    def narrows(self) -> bool:
        """Whether somebody may lose access by it."""
        return self.after is Visibility.PRIVATE


class CreateSpace(Value):
    """Create a space that was asked for and never seen."""

    kind: Literal["create-space"] = "create-space"
    space: str
    before: None = None
    after: Visibility
    reason: Reason = Reason.ASKED

    @property
    def narrows(self) -> bool:
        """Nobody can lose what was not there."""
        return False


Change = Annotated[SetVisibility | CreateSpace, Field(discriminator="kind")]


class Outcome(Value):
    """What became of one change: done, already so, or failed with a reason."""

    change: Change
    done: bool
    reason: Reason
    message: str = ""


class DriftKind(StrEnum):
    """What differs from the last look."""

    APPEARED = "appeared"
    MISSING = "missing"
    RETURNED = "returned"
    RECREATED = "recreated"
    RETIRED = "retired"
    VISIBILITY = "visibility-drifted"


class Handling(StrEnum):
    """What is done about a drift."""

    NOTED = "noted"
    ADOPTED = "adopted"
    ENFORCED = "enforced"
    REPORTED = "reported"


class Drift(Value):
    """A fact: the registry is not as it was left."""

    kind: DriftKind
    space: str
    before: str
    after: str
    handling: Handling
    reason: str
