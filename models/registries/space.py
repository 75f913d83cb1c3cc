"""Spaces: the unit of visibility and binding. A Harbor project, or a Docker path prefix."""

from datetime import datetime
from enum import StrEnum

from models.core.base import FrozenModel


class Visibility(StrEnum):
    """Who may pull: every namespace of the platform, or those of bound workspaces."""

    PUBLIC = "public"
    PRIVATE = "private"


class ObservedSpace(FrozenModel):
    """A space as the registry shows it.

    Attributes:
        remote_id: Harbor's project id, which a deleted and recreated project does not keep.
        visibility: None where the registry knows no visibility (Docker Registry).
        created_at: when Harbor says that it was created (UTC); with the id it tells one project
            from another, also from one in another Harbor. None if it did not say.
        repositories: how many the registry lists in it; None if it did not say.
    """

    name: str
    remote_id: int | None = None
    created_at: datetime | None = None
    visibility: Visibility | None = None
    repositories: int | None = None


class Space(FrozenModel):
    """A space as this service knows it.

    Attributes:
        desired: the visibility set here; None while the space follows the registry.
        observed: the visibility last seen in the registry.
        declared: asked for here and not yet seen in the registry.
        missing_since: first complete observation without it (UTC); None while it is there.
    """

    name: str
    remote_id: int | None = None
    created_at: datetime | None = None
    desired: Visibility | None = None
    observed: Visibility | None = None
    declared: bool = False
    repositories: int | None = None
    missing_since: datetime | None = None

    @property
    def visibility(self) -> Visibility:
        """The visibility in force; what nobody declared public is private."""
        return self.observed or self.desired or Visibility.PRIVATE

    def differs_from(self, observed: ObservedSpace) -> bool:
        """Whether what is seen under its name is another space, made again or in another Harbor."""
        if self.remote_id is None:
            return False
        has_both_times = self.created_at is not None and observed.created_at is not None
        return observed.remote_id != self.remote_id or (
            has_both_times and observed.created_at != self.created_at
        )
