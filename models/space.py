"""Spaces: the unit of visibility and binding. A Harbor project, or a Docker path prefix."""

from datetime import datetime
from enum import StrEnum

from models.base import Value


class Visibility(StrEnum):
    """Who may pull: every namespace of the platform, or those of bound workspaces."""

    PUBLIC = "public"
    PRIVATE = "private"


class ObservedSpace(Value):
    """A space as the registry shows it.

    Attributes:
        remote_id: Harbor's project id, which a deleted and recreated project does not keep.
        visibility: None where the registry knows no visibility (Docker Registry).
        repositories: how many the registry lists in it; None if it did not say.
    """

    name: str
    remote_id: int | None = None
    visibility: Visibility | None = None
    repositories: int | None = None


class Space(Value):
    """A space as this service knows it.

    Attributes:
        desired: the visibility set here; None while the space follows the registry.
        observed: the visibility last seen in the registry.
        declared: asked for here and not yet seen in the registry.
        missing_since: first complete observation without it (UTC); None while it is there.
    """

    name: str
    remote_id: int | None = None
    desired: Visibility | None = None
    observed: Visibility | None = None
    declared: bool = False
    repositories: int | None = None
    missing_since: datetime | None = None

    @property
    def visibility(self) -> Visibility:
        """The visibility in force; what nobody declared public is private."""
        return self.observed or self.desired or Visibility.PRIVATE
