"""The overview: all registries in numbers. Unknown, zero and unlimited are three things."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from models.core.base import FrozenModel
from models.registries.condition import Health
from models.registries.record import RegistryRecord
from models.registries.space import Space


class SpaceStatistics(FrozenModel):
    """A space with its storage; None is unknown, a limit of -1 is unlimited."""

    space: Space
    storage_used: int | None = None
    storage_limit: int | None = None


class SpaceTotals(FrozenModel):
    """The spaces of one registry, summed up.

    Attributes:
        repository_count: in all spaces that tell; None if none does.
        storage_used: bytes of all spaces that are known; None if none is.
        storage_limit: bytes allowed in all spaces; -1 if one has no limit, None if one is unknown.
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
        """How many there are, missing ones left out."""
        return self.public_count + self.private_count


class RegistryStatistics(FrozenModel):
    """One registry in the overview."""

    record: RegistryRecord
    totals: SpaceTotals

    @property
    def name(self) -> str:
        """The registry's name."""
        return self.record.registry.name

    @property
    def storage_used(self) -> int | None:
        """Bytes used: as the registry counts them (shared layers once), else summed by space."""
        if self.record.storage_used is not None:
            return self.record.storage_used
        return self.totals.storage_used


class Overview(FrozenModel):
    """All registries, and their sum."""

    at: datetime
    registries: tuple[RegistryStatistics, ...]

    @property
    def storage_used(self) -> int:
        """Bytes used in all registries that are known."""
        return sum(registry.storage_used or 0 for registry in self.registries)

    @property
    def unknown_storage_count(self) -> int:
        """How many registries do not tell their storage."""
        return sum(registry.storage_used is None for registry in self.registries)

    @property
    def space_count(self) -> int:
        """Spaces in all registries."""
        return sum(registry.totals.space_count for registry in self.registries)

    @property
    def public_count(self) -> int:
        """Public spaces in all registries."""
        return sum(registry.totals.public_count for registry in self.registries)

    @property
    def repository_count(self) -> int:
        """Repositories in all registries that tell."""
        return sum(registry.totals.repository_count or 0 for registry in self.registries)

    def count_by_health(self, health: Health) -> int:
        """How many registries are in this health."""
        return sum(registry.record.health_summary.health is health for registry in self.registries)


class Measurement(FrozenModel):
    """What one registry stored at one time; None is unknown."""

    registry: str
    at: datetime
    storage_used: int | None


def storage_trend(
    measurements: Sequence[Measurement], now: datetime, *, window: timedelta, points: int
) -> tuple[tuple[datetime, int], ...]:
    """Return the total storage at evenly spaced times, from the first measurement on.

    At each time every registry counts with what it last told before.
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
