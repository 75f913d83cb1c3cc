"""The observation of a registry; its storage is read separately."""

from datetime import datetime

from models.core.availability import Complete, Unavailable
from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from models.registries.robots import ObservedRobot
from models.registries.space import ObservedSpace

NO_CATALOG_REASONS = (Reason.CATALOG_DISABLED, Reason.CATALOG_FORBIDDEN)
"""Reasons of a registry that does not list its repositories. This is how it is set up and no fault:
the spaces on record are its list."""

NOT_REQUESTED = Unavailable(reason=Reason.NOT_PROBED, message="not requested")

UNCHANGED = Unavailable(reason=Reason.UNCHANGED, message="the same as in the last comparison")
"""The list was read completely and equals the one of the last full comparison, see `Baseline`."""


class Snapshot(FrozenModel):
    """One observation of one registry.

    Attributes:
        observed_at: start of the observation (UTC).
        seconds: duration of the observation.
        checks: results of the health checks.
        spaces: all spaces, or why they are unavailable, which may be `UNCHANGED`.
        robots: all robot accounts with this installation's mark, or why they are unavailable.
        can_update_robots: whether the credential may update robot accounts; a robot account may
            not.
        pull_user_fingerprint: fingerprint of the pull-only user that the checks are about; empty if
            it could not be read.
        observer_usable: whether the observer account could read the lists; None if there is none,
            or if it was not tried.
        lists_digest: digest of both lists; empty if one was not read completely, or if registries
            of this kind have no digest.
    """

    registry: str
    observed_at: datetime
    seconds: float = 0.0
    checks: tuple[CheckResult, ...] = ()
    spaces: Complete[ObservedSpace] | Unavailable
    robots: Complete[ObservedRobot] | Unavailable = NOT_REQUESTED
    can_update_robots: bool = True
    observer_usable: bool | None = None
    pull_user_fingerprint: str = ""
    lists_digest: str = ""

    @property
    def is_unchanged(self) -> bool:
        """Whether both lists equal those of the last full comparison, see `RegistryReader`."""
        return self.spaces == UNCHANGED

    @property
    def has_spaces(self) -> bool:
        """Whether the spaces were read completely."""
        return self.is_unchanged or isinstance(self.spaces, Complete)

    @property
    def has_no_catalog(self) -> bool:
        """Whether the registry does not list its repositories, see `NO_CATALOG_REASONS`."""
        return isinstance(self.spaces, Unavailable) and self.spaces.reason in NO_CATALOG_REASONS

    @property
    def first_unavailable(self) -> Unavailable | None:
        """The first requested section that could not be read, of those the registry has."""
        sections = (self.robots,) if self.has_no_catalog else (self.spaces, self.robots)
        unavailable = (
            section
            for section in sections
            if isinstance(section, Unavailable) and section not in (NOT_REQUESTED, UNCHANGED)
        )
        return next(unavailable, None)

    @property
    def read_only_reason(self) -> str:
        """Why the registry refuses all changes now, e.g. its read-only mode; empty otherwise."""
        return next(
            (
                check.message
                for check in self.checks
                if check.type is ConditionType.WRITABLE and check.status is ConditionStatus.FALSE
            ),
            "",
        )


UNLIMITED = -1
"""The value that Harbor uses for a quota without a limit."""


class Coverage(FrozenModel):
    """The share of tags whose storage is counted, where the registry does not report it.

    Attributes:
        counted: tags whose blobs are all known.
        total: all tags.
    """

    counted: int
    total: int

    @property
    def is_complete(self) -> bool:
        """Whether all tags are counted; if not, the figure is a lower bound."""
        return self.counted >= self.total

    @property
    def has_figure(self) -> bool:
        """Whether there is a figure at all: something is counted, or there is nothing to count."""
        return self.counted > 0 or self.total == 0

    @property
    def percent(self) -> int:
        """The share in percent, rounded down: 100 only if all tags are counted."""
        return 100 * self.counted // self.total if self.total else 100


class SpaceStorage(FrozenModel):
    """The storage of one space.

    Attributes:
        used: bytes of distinct blobs in the space; None is unknown.
        limit: bytes allowed, or `UNLIMITED`; None is unknown.
        coverage: the tags that were counted; None if the registry reports the figure.
    """

    name: str
    used: int | None
    limit: int | None
    coverage: Coverage | None = None


class StorageReading(FrozenModel):
    """The storage figures of a registry.

    Attributes:
        total: total bytes used, shared layers counted once; None is unknown.
        coverage: the tags that were counted; None if the registry reports the figures.
        spaces: figures per space, or why they are unavailable.
    """

    total: int | None = None
    coverage: Coverage | None = None
    spaces: Complete[SpaceStorage] | Unavailable
