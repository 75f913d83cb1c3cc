"""When the storage of a registry is read, and whether a registry may be added."""

from datetime import timedelta

import pytest

from models.core.audit import AuditEntry
from models.core.errors import InvalidRequest
from models.core.limits import PollPolicy
from models.core.reasons import Reason
from models.registries.condition import Condition, ConditionStatus, ConditionType, Health
from models.registries.record import (
    check_address_available,
    check_available,
    reintegration_entry,
)
from models.registries.registry import BlockRef, Kind, Registry
from models.registries.schedule import PollHistory
from tests.support.builders import NOW, condition, registry, registry_record

EVERY = timedelta(minutes=10)


def _condition(type_: ConditionType, status: ConditionStatus) -> Condition:
    return Condition(type=type_, status=status, reason=Reason.CONNECTED, message="", since=NOW)


UP = _condition(ConditionType.REACHABLE, ConditionStatus.TRUE)
DOWN = _condition(ConditionType.REACHABLE, ConditionStatus.FALSE)
FROZEN = _condition(ConditionType.WRITABLE, ConditionStatus.FALSE)


@pytest.mark.parametrize(
    ("conditions", "age", "expected"),
    [
        ([UP], None, True),
        ([UP], EVERY, True),
        ([UP], EVERY - timedelta(seconds=1), False),
        ([UP, FROZEN], EVERY, True),
        ([DOWN], None, False),
        ([DOWN], EVERY, False),
        ([], None, False),
    ],
)
def test_storage_is_due(conditions: list[Condition], age: timedelta | None, expected: bool) -> None:
    read_at = NOW - age if age is not None else None
    record = registry_record(*conditions).model_copy(update={"storage_read_at": read_at})
    assert record.is_storage_due(EVERY, NOW) is expected


PROD = registry()


@pytest.mark.parametrize(
    ("candidate", "existing"),
    [
        (registry(name="new", address="http://new.test"), None),
        (PROD, PROD),
        (registry(credential=BlockRef(name="new")), PROD),  # it continues with other settings
    ],
)
def test_a_name_and_an_address_are_free(candidate: Registry, existing: Registry | None) -> None:
    others = [PROD, registry(name="other", address="http://other.test")]
    assert check_available(candidate, others) == existing
    assert check_available(candidate, []) is None


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (
            registry(address="http://new.test"),
            r"'prod' is already used for http://registry.test.*update-registry",
        ),
        (registry(Kind.DOCKER), "'prod' is already used for http://registry.test"),
        (
            registry(name="twin"),
            r"^http://registry.test is already integrated as 'prod'.*remove-registry for 'prod'",
        ),
        (
            registry(name="twin", address="https://registry.test"),
            r"^http://registry.test is already integrated as 'prod'",
        ),
        (
            registry(name="twin", address="https://registry.test:80"),
            r"^images at registry.test:80 belong to 'prod' already",
        ),
        (
            registry(name="twin", address="https://new.test").model_copy(
                update={"pull_addresses": ("registry.test",)}
            ),
            r"^images at registry.test belong to 'prod' already",
        ),
    ],
)
def test_a_name_or_an_address_is_taken(candidate: Registry, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        check_available(candidate, [PROD])


def test_an_address_is_taken_by_others_only() -> None:
    check_address_available(PROD, [PROD])
    with pytest.raises(InvalidRequest, match="already integrated as 'prod'"):
        check_address_available(registry(name="twin"), [PROD])


def test_integrated_again_is_audited_as_an_update() -> None:
    entry = AuditEntry(subject="prod", action="registry.integrated", after="http://new.test")
    assert reintegration_entry(entry, PROD) == AuditEntry(
        subject="prod",
        action="registry.updated",
        before="http://registry.test",
        after="http://new.test",
        reason="integrated again",
    )


@pytest.mark.parametrize(
    ("seconds", "slow", "outdated"),
    [(0, 0.5, False), (179, 0.5, False), (180, 0.5, True), (180, 12.0, False), (360, 12.0, True)],
)
def test_health_is_not_older_than_three_intervals(
    seconds: float, slow: float, outdated: bool
) -> None:
    history = PollHistory(observed_at=NOW, seconds=slow)
    record = registry_record(condition(), condition(ConditionType.SYNCED), track=history)
    now = NOW + timedelta(seconds=seconds)
    assert record.is_outdated(PollPolicy(), now) is outdated
    health_summary = record.as_of(PollPolicy(), now).health_summary
    if not outdated:
        assert record.as_of(PollPolicy(), now) == record
        return
    assert (health_summary.health, health_summary.reason) == (
        Health.UNKNOWN, Reason.OBSERVATION_OUTDATED
    )  # fmt: skip
    assert "not checked since 2026-03-01 12:00 UTC" in health_summary.message
    later = record.as_of(PollPolicy(), now + timedelta(hours=1))
    assert later == record.as_of(PollPolicy(), now)  # so that no new page is published


def test_what_was_never_observed_is_not_outdated() -> None:
    assert not registry_record().is_outdated(PollPolicy(), NOW + timedelta(days=9))
