"""A registry with everything that is remembered of it, but its spaces."""

from datetime import datetime, timedelta

from models.core.base import Value
from models.core.limits import Cadence
from models.registries.condition import Condition, Health
from models.registries.health import Diagnosis, diagnose
from models.registries.registry import Registry
from models.registries.schedule import Track, is_due, refuses_credentials


class Dossier(Value):
    """What the service knows of one registry.

    Attributes:
        track: how its last looks went.
        integrated_at: when it came here (UTC).
        spaces_read_at: last complete list of spaces; None before the first.
        storage_read_at: last storage figures; None before the first.
        storage_used: bytes in all as the registry tells; None is unknown.
        storage_note: why figures are missing, if they are.
    """

    registry: Registry
    integrated_at: datetime
    conditions: tuple[Condition, ...] = ()
    track: Track = Track()
    spaces_read_at: datetime | None = None
    storage_read_at: datetime | None = None
    storage_used: int | None = None
    storage_note: str = ""

    @property
    def diagnosis(self) -> Diagnosis:
        """Its health in one word."""
        return diagnose(self.conditions)

    def due(self, cadence: Cadence, now: datetime, *, pressing: bool = False) -> bool:
        """Whether it should be looked at now.

        Args:
            pressing: something is to be changed there now. That is no reason to try a credential
                more often that it refuses.
        """
        if (pressing or self.track.doubtful) and not refuses_credentials(self.conditions):
            return True
        return is_due(self.track, cadence, self.conditions, now)

    @property
    def answers(self) -> bool:
        """Whether it is well enough to be asked for more than how it is."""
        return self.diagnosis.health in (Health.HEALTHY, Health.DEGRADED)

    def storage_due(self, interval: timedelta, now: datetime) -> bool:
        """Whether to read its storage: it answers, and was not asked for an interval."""
        if self.storage_read_at is None:
            return self.answers
        return self.answers and now - self.storage_read_at >= interval
