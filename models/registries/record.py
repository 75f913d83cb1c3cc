"""A registry with everything that is remembered of it, but its spaces."""

from datetime import datetime, timedelta

from models.core.base import FrozenModel
from models.core.limits import PollPolicy
from models.registries.condition import Condition, Health
from models.registries.health import HealthSummary, summarize_health
from models.registries.registry import Registry
from models.registries.schedule import PollHistory, is_due, refuses_credentials


class RegistryRecord(FrozenModel):
    """What the service knows of one registry.

    Attributes:
        poll_history: how its last looks went.
        integrated_at: when it came here (UTC).
        spaces_read_at: last complete list of spaces; None before the first.
        storage_read_at: last storage figures; None before the first.
        storage_used: bytes in all as the registry tells; None is unknown.
        storage_note: why figures are missing, if they are.
    """

    registry: Registry
    integrated_at: datetime
    conditions: tuple[Condition, ...] = ()
    poll_history: PollHistory = PollHistory()
    spaces_read_at: datetime | None = None
    storage_read_at: datetime | None = None
    storage_used: int | None = None
    storage_note: str = ""

    @property
    def health_summary(self) -> HealthSummary:
        """Its health in one word."""
        return summarize_health(self.conditions)

    def is_due(self, policy: PollPolicy, now: datetime, *, urgent: bool = False) -> bool:
        """Whether it should be looked at now.

        Args:
            urgent: something is to be changed there now. That is no reason to try a credential
                more often that it refuses.
        """
        if (urgent or self.poll_history.may_be_stale) and not refuses_credentials(self.conditions):
            return True
        return is_due(self.poll_history, policy, self.conditions, now)

    @property
    def is_available(self) -> bool:
        """Whether it is well enough to be asked for more than how it is."""
        return self.health_summary.health in (Health.HEALTHY, Health.DEGRADED)

    def is_storage_due(self, interval: timedelta, now: datetime) -> bool:
        """Whether to read its storage: it answers, and was not asked for an interval."""
        if self.storage_read_at is None:
            return self.is_available
        return self.is_available and now - self.storage_read_at >= interval
