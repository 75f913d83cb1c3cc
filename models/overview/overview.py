"""The overview: all registries in numbers. Unknown, zero and unlimited are three things."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from models.core.base import Value
from models.registries.condition import Health
from models.registries.record import Dossier
from models.registries.space import Space


class SpaceFigures(Value):
    """A space with its storage; None is unknown, a limit of -1 is unlimited."""

    space: Space
    storage_used: int | None = None
    storage_limit: int | None = None


class SpaceTotals(Value):
    """The spaces of one registry, summed up.

    Attributes:
        repositories: in all spaces that tell; None if none does.
        used: bytes of all spaces that are known; None if none is.
        limits: bytes allowed in all spaces; -1 if one has no limit, None if one is unknown.
    """

    public: int = 0
    private: int = 0
    missing: int = 0
    drifted: int = 0
    repositories: int | None = None
    used: int | None = None
    limits: int | None = None

    @property
    def spaces(self) -> int:
        """How many there are, missing ones left out."""
        return self.public + self.private


class RegistryFigures(Value):
    """One registry in the overview."""

    dossier: Dossier
    totals: SpaceTotals

    @property
    def name(self) -> str:
        """The registry's name."""
        return self.dossier.registry.name

    @property
    def storage(self) -> int | None:
        """Bytes used: as the registry counts them (shared layers once), else summed by space."""
        if self.dossier.storage_used is not None:
            return self.dossier.storage_used
        return self.totals.used


class Overview(Value):
    """All registries, and their sum."""

    at: datetime
    registries: tuple[RegistryFigures, ...]

    @property
    def storage(self) -> int:
        """Bytes used in all registries that are known."""
        return sum(one.storage or 0 for one in self.registries)

    @property
    def storage_unknown(self) -> int:
        """How many registries do not tell their storage."""
        return sum(one.storage is None for one in self.registries)

    @property
    def spaces(self) -> int:
        """Spaces in all registries."""
        return sum(one.totals.spaces for one in self.registries)

    @property
    def public(self) -> int:
        """Public spaces in all registries."""
        return sum(one.totals.public for one in self.registries)

    @property
    def repositories(self) -> int:
        """Repositories in all registries that tell."""
        return sum(one.totals.repositories or 0 for one in self.registries)

    def count(self, health: Health) -> int:
        """How many registries are in this health."""
        return sum(one.dossier.diagnosis.health is health for one in self.registries)


class Measurement(Value):
    """What one registry stored at one time; None is unknown."""

    registry: str
    at: datetime
    storage_used: int | None


def trend(
    measurements: Sequence[Measurement], now: datetime, *, window: timedelta, points: int
) -> tuple[tuple[datetime, int], ...]:
    """Return the total storage at evenly spaced times, from the first measurement on.

    At each time every registry counts with what it last told before.
    """
    by_registry: dict[str, list[Measurement]] = defaultdict(list)
    for one in sorted(measurements, key=lambda one: one.at):
        if one.storage_used is not None:
            by_registry[one.registry].append(one)
    if not by_registry:
        return ()
    first = min(told[0].at for told in by_registry.values())
    start = max(first, now - window)
    step = (now - start) / max(points - 1, 1)
    times = [start + step * number for number in range(points)]
    return tuple((at, sum(_last(told, at) for told in by_registry.values())) for at in times)


def _last(told: Sequence[Measurement], at: datetime) -> int:
    return next((one.storage_used or 0 for one in reversed(told) if one.at <= at), 0)
