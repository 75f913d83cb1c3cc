"""Spaces, the unit of visibility and binding: a Harbor project or a Docker path prefix."""

import re
from datetime import datetime
from enum import StrEnum

from models.core.base import FrozenModel
from models.core.names import MAX_NAME_LENGTH, ROOT_SPACE


class Visibility(StrEnum):
    """Access to a space: for all namespaces, or for namespaces of bound workspaces."""

    PUBLIC = "public"
    PRIVATE = "private"


class SpaceNameRule(FrozenModel):
    """Which names spaces can have, and how they appear in image references.

    Attributes:
        noun: what a space is called in messages, e.g. `Harbor project`.
        pattern: regular expression for a complete name.
        advice: the rule in words, for messages.
        has_root: whether repositories can be outside all spaces; they are in the space `/`.
        image_form: form of an image's path, for messages.
    """

    noun: str
    pattern: re.Pattern[str]
    advice: str
    has_root: bool = False
    image_form: str = "space/image"

    def check(self, name: str) -> str:
        """Validate the name of a space and return it unchanged.

        Raises:
            ValueError: the registry would reject the name; the message lists what is allowed.
        """
        if self.has_root and name == ROOT_SPACE:
            return name
        if len(name) <= MAX_NAME_LENGTH and self.pattern.fullmatch(name):
            return name
        raise ValueError(f"{name[:80]!r} is not a valid {self.noun}: {self.advice}")


class ObservedSpace(FrozenModel):
    """A space as observed in the registry.

    Attributes:
        remote_id: id of the Harbor project; a recreated project has another id.
        created_at: creation time in Harbor (UTC); together with the id it identifies the project,
            also across Harbor instances. None if not reported.
        visibility: None if the registry has no visibility (Docker Registry).
        repositories: number of repositories; None if not reported.
    """

    name: str
    remote_id: int | None = None
    created_at: datetime | None = None
    visibility: Visibility | None = None
    repositories: int | None = None


class Space(FrozenModel):
    """The record of a space.

    Attributes:
        desired: the visibility that a user set; None if the registry's visibility is adopted.
        observed: the visibility last observed in the registry.
        declared: whether it was requested and has not been observed in the registry yet.
        missing_since: first complete observation without it (UTC); None while it exists.
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
        """The effective visibility; the default is private."""
        return self.observed or self.desired or Visibility.PRIVATE

    @property
    def is_present(self) -> bool:
        """Whether it was in the registry when its spaces were last read completely."""
        return not self.declared and self.missing_since is None

    def differs_from(self, observed: ObservedSpace) -> bool:
        """Return whether the observed space of this name is another one than the recorded space.

        It is another one if it was recreated, or if it is in another Harbor instance.
        """
        if self.remote_id is None:
            return False
        has_both_times = self.created_at is not None and observed.created_at is not None
        return observed.remote_id != self.remote_id or (
            has_both_times and observed.created_at != self.created_at
        )
