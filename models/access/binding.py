"""Workspaces, and the bindings that let them pull spaces."""

from datetime import datetime

from models.clusters.membership import WorkspaceSource
from models.core.base import FrozenModel


class Workspace(FrozenModel):
    """A tenant of the platform."""

    name: str
    source: WorkspaceSource = WorkspaceSource.LISTED
    description: str = ""


class Binding(FrozenModel):
    """The wish that a workspace may pull a space.

    Attributes:
        bound_at: when it was asked for (UTC).
        effective_at: when every namespace of the workspace was first seen to have it.
        held_since: since when the binding is held (UTC): neither granted nor deleted, because the
            space, or the whole registry, is another one now; None while it is in force.
        held_reason: why it is held.
    """

    registry: str
    space: str
    workspace: str
    bound_at: datetime
    effective_at: datetime | None = None
    held_since: datetime | None = None
    held_reason: str = ""

    @property
    def is_held(self) -> bool:
        """Whether it grants nothing until somebody restores or drops it."""
        return self.held_since is not None
