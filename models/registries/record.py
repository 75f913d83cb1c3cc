"""The record of a registry: configuration and status, without its spaces; and what may be added."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from models.core.audit import AuditEntry
from models.core.base import FrozenModel
from models.core.errors import InvalidRequest
from models.core.limits import PollPolicy
from models.core.reasons import Reason
from models.registries.condition import Condition, ConditionType, Health
from models.registries.health import (
    HealthSummary,
    summarize_health,
    unknown_checks,
    update_conditions,
)
from models.registries.observation import Coverage
from models.registries.registry import Registry
from models.registries.runs.baseline import Baseline
from models.registries.schedule import (
    PollHistory,
    PullUserAttempts,
    is_due,
    outdated_at,
    refuses_credentials,
)

OPEN_PREFIX = "open:"
"""Before the fingerprint of a login that a registry did not refuse because it asks for none."""


class RegistryRecord(FrozenModel):
    """The record of one registry.

    Attributes:
        poll_history: results of its last observations.
        integrated_at: when the registry was integrated (UTC).
        spaces_read_at: last complete list of spaces (UTC); None before the first.
        baseline: the last full comparison; None before the first, and after a space was saved.
        storage_read_at: last storage reading (UTC); None before the first.
        storage_used: total bytes that the registry reports, or that were counted; None is unknown.
        pull_user_proof: fingerprint of the pull-only user that the registry last accepted; empty if
            namespaces may receive none. With `OPEN_PREFIX` if the registry asked for no login.
        pull_user_attempts: the logins of the pull-only user that were refused.
        storage_note: why storage figures are missing; empty if they are not.
        storage_coverage: the tags that were counted; None if the registry reports its storage, or
            if nothing was counted yet.
        storage_due_at: when an unfinished count goes on (UTC); None if there is none.
    """

    registry: Registry
    integrated_at: datetime
    conditions: tuple[Condition, ...] = ()
    poll_history: PollHistory = PollHistory()
    spaces_read_at: datetime | None = None
    baseline: Baseline | None = None
    storage_read_at: datetime | None = None
    storage_used: int | None = None
    storage_note: str = ""
    pull_user_proof: str = ""
    pull_user_attempts: PullUserAttempts = PullUserAttempts()
    storage_coverage: Coverage | None = None
    storage_due_at: datetime | None = None

    @property
    def pull_user_fingerprint(self) -> str:
        """Fingerprint of the pull-only user that namespaces may receive; empty for none."""
        return self.pull_user_proof.removeprefix(OPEN_PREFIX)

    def open_proof(self, fingerprint: str) -> str:
        """Return the proof of the pull-only user after the registry asked for no login.

        Args:
            fingerprint: fingerprint of the user now; empty if it is not known.
        """
        proof = self.pull_user_proof
        if proof and not proof.startswith(OPEN_PREFIX):
            was_open = any(
                condition.type is ConditionType.PULL_USER_VALID
                and condition.reason is Reason.NO_AUTHENTICATION
                for condition in self.conditions
            )
            if fingerprint in ("", proof) or not was_open:
                return proof
        return f"{OPEN_PREFIX}{fingerprint}"

    @property
    def health_summary(self) -> HealthSummary:
        """The health that results from the conditions."""
        return summarize_health(self.conditions)

    def is_due(self, policy: PollPolicy, now: datetime, *, urgent: bool = False) -> bool:
        """Return whether to observe the registry now.

        Args:
            urgent: a change is pending. The poll interval still applies while the registry refuses
                the credential, because more attempts could lock the account.
        """
        if (urgent or self.poll_history.may_be_stale) and not refuses_credentials(self.conditions):
            return True
        return is_due(self.poll_history, policy, self.conditions, now)

    def is_outdated(self, policy: PollPolicy, now: datetime) -> bool:
        """Return whether the last observation is too old: three intervals have passed."""
        time = outdated_at(self.poll_history, policy, self.conditions)
        return time is not None and now >= time

    def as_of(self, policy: PollPolicy, now: datetime) -> "RegistryRecord":
        """Return the record as it can be relied on now: outdated health is unknown.

        Runs may have been killed, or none may run at all; the last good state must not stand.
        """
        time = outdated_at(self.poll_history, policy, self.conditions)
        if time is None or now < time or self.poll_history.observed_at is None:
            return self
        message = (
            f"not checked since {self.poll_history.observed_at:%Y-%m-%d %H:%M} UTC: check that "
            "the schedule of reconcile-all is on and that its runs end"
        )
        checks = unknown_checks(self.conditions, Reason.OBSERVATION_OUTDATED, message)
        conditions = update_conditions(self.conditions, checks, time)
        return self.model_copy(update={"conditions": conditions})

    @property
    def is_available(self) -> bool:
        """Whether it is healthy enough for requests beyond the health checks."""
        return self.health_summary.health in (Health.HEALTHY, Health.DEGRADED)

    def is_storage_due(self, interval: timedelta, now: datetime) -> bool:
        """Return whether to read its storage: it is available, and the interval has passed.

        A count that is not finished goes on, whatever the interval is.
        """
        if not self.is_available:
            return False
        if self.storage_due_at is not None:
            return now >= self.storage_due_at
        return self.storage_read_at is None or now - self.storage_read_at >= interval


def check_available(registry: Registry, registries: Iterable[Registry]) -> Registry | None:
    """Check that no other registry on record uses the name or the address.

    Returns:
        The registry on record if it has the same name, kind and address, so that an interrupted
        integration can continue; None if name and address are unused.

    Raises:
        InvalidRequest: another registry uses the name or the address.
    """
    by_name = {record.name: record for record in registries}
    check_address_available(registry, by_name.values())
    existing = by_name.get(registry.name)
    if existing and (existing.address, existing.kind) != (registry.address, registry.kind):
        raise InvalidRequest(
            f"the name {registry.name!r} is already used for {existing.address}; choose another "
            "name, or run update-registry to change its address"
        )
    return existing


def check_address_available(registry: Registry, registries: Iterable[Registry]) -> None:
    """Check that no other registry has this address, the same host, or one of the pull addresses.

    Raises:
        InvalidRequest: another registry has it; the message contains its name.
    """
    for record in registries:
        if record.name == registry.name:
            continue
        if record.parsed_address.netloc == registry.parsed_address.netloc:
            raise InvalidRequest(
                f"{record.address} is already integrated as {record.name!r}, and image references "
                f"do not distinguish http from https; run remove-registry for {record.name!r} first"
            )
        if common := [host for host in registry.image_hosts if host in record.image_hosts]:
            raise InvalidRequest(
                f"images at {common[0]} belong to {record.name!r} already: remove this address "
                "there or here"
            )


def reintegration_entry(entry: AuditEntry, existing: Registry) -> AuditEntry:
    """Return the audit entry of a registry that is integrated again with other settings.

    Args:
        entry: the entry of a new integration.
        existing: the registry on record.
    """
    updates = {
        "action": "registry.updated",
        "before": existing.address,
        "reason": "integrated again",
    }
    return entry.model_copy(update=updates)
