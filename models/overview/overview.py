"""The overview: figures of all registries. Unknown, zero and unlimited are different values."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from models.core.base import FrozenModel
from models.core.limits import PollPolicy
from models.registries.condition import Health
from models.registries.observation import Coverage
from models.registries.record import RegistryRecord
from models.registries.space import Space


class SpaceStatistics(FrozenModel):
    """A space with its storage in bytes; None is unknown, a limit of -1 is unlimited.

    Attributes:
        storage_coverage: the tags that were counted; None if the registry reports the figure.
    """

    space: Space
    storage_used: int | None = None
    storage_limit: int | None = None
    storage_coverage: Coverage | None = None


class SpaceTotals(FrozenModel):
    """Totals of the spaces of one registry.

    Attributes:
        repository_count: sum over the spaces with a known number; None if there is none.
        storage_used: bytes, sum over the spaces with known storage; None if there is none.
        storage_limit: bytes, sum over all spaces; -1 if a space is unlimited, None if a limit is
            unknown.
    """

    public_count: int = 0
    private_count: int = 0
    missing_count: int = 0
    drifted_count: int = 0
    repository_count: int | None = None
    storage_used: int | None = None
    storage_limit: int | None = None

    @property
    def space_count(self) -> int:
        """Number of spaces, without missing ones."""
        return self.public_count + self.private_count


class RegistryStatistics(FrozenModel):
    """One registry in the overview.

    Attributes:
        is_outdated: whether the last observation is too old, see `RegistryRecord.as_of`.
    """

    record: RegistryRecord
    totals: SpaceTotals
    is_outdated: bool = False

    def as_of(self, policy: PollPolicy, now: datetime) -> "RegistryStatistics":
        """Return the statistics with the health that can be relied on now."""
        update = {
            "record": self.record.as_of(policy, now),
            "is_outdated": self.record.is_outdated(policy, now),
        }
        return self.model_copy(update=update)

    @property
    def name(self) -> str:
        """The registry's name."""
        return self.record.registry.name

    @property
    def storage_used(self) -> int | None:
        """Bytes used: the registry's total (shared layers once), else the sum of the spaces."""
        if self.record.storage_used is not None:
            return self.record.storage_used
        return self.totals.storage_used


class Overview(FrozenModel):
    """All registries with their totals."""

    at: datetime
    registries: tuple[RegistryStatistics, ...]

    @property
    def storage_used(self) -> int:
        """Bytes used in all registries with known storage."""
        return sum(registry.storage_used or 0 for registry in self.registries)

    @property
    def unknown_storage_count(self) -> int:
        """Number of registries with unknown storage."""
        return sum(registry.storage_used is None for registry in self.registries)

    @property
    def partial_storage(self) -> tuple[RegistryStatistics, ...]:
        """Registries whose storage is a lower bound: not all of their tags are counted."""
        return tuple(
            registry
            for registry in self.registries
            if registry.storage_used is not None
            and (coverage := registry.record.storage_coverage) is not None
            and not coverage.is_complete
        )

    @property
    def space_count(self) -> int:
        """Number of spaces in all registries."""
        return sum(registry.totals.space_count for registry in self.registries)

    @property
    def public_count(self) -> int:
        """Number of public spaces in all registries."""
        return sum(registry.totals.public_count for registry in self.registries)

    @property
    def repository_count(self) -> int:
        """Number of repositories in all registries where it is known."""
        return sum(registry.totals.repository_count or 0 for registry in self.registries)

    def count_by_health(self, health: Health) -> int:
        """Return the number of registries with this health."""
        return sum(registry.record.health_summary.health is health for registry in self.registries)


class Measurement(FrozenModel):
    """The storage of one registry at one time, in bytes; None is unknown."""

    registry: str
    at: datetime
    storage_used: int | None


def storage_trend(
    measurements: Sequence[Measurement], now: datetime, *, window: timedelta, points: int
) -> tuple[tuple[datetime, int], ...]:
    """Return the total storage in bytes at evenly spaced times.

    At each time the last earlier measurement of each registry counts.

    Args:
        measurements: measurements of all registries.
        now: end of the window (UTC).
        window: length of the window; the trend starts at the first measurement if that is later.
        points: number of times.
    """
    by_registry: dict[str, list[Measurement]] = defaultdict(list)
    for measurement in sorted(measurements, key=lambda measurement: measurement.at):
        if measurement.storage_used is not None:
            by_registry[measurement.registry].append(measurement)
    if not by_registry:
        return ()
    first = min(series[0].at for series in by_registry.values())
    start = max(first, now - window)
    step = (now - start) / max(points - 1, 1)
    times = [start + step * number for number in range(points)]
    return tuple(
        (at, sum(_last_measurement(series, at) for series in by_registry.values())) for at in times
    )


def _last_measurement(series: Sequence[Measurement], at: datetime) -> int:
    return next(
        (measurement.storage_used or 0 for measurement in reversed(series) if measurement.at <= at),
        0,
    )
