"""Audit entries, and which of them send events."""

import pytest

from models.core.audit import EVENT_DESCRIPTIONS, AuditEntry
from models.core.reasons import Reason
from models.registries.changes import ChangeResult, Drift, DriftAction, DriftKind
from models.registries.condition import Health
from models.registries.health import HealthSummary
from models.registries.runs.audit_entries import drift_entries, health_entries, result_entries
from tests.support.builders import PUBLIC, create, failure, narrow, success

NONE: frozenset[tuple[str, str, str]] = frozenset()


def _drift(kind: DriftKind) -> Drift:
    return Drift(
        kind=kind, space="team", before="a", after="b", action=DriftAction.RECORDED, reason="why"
    )


@pytest.mark.parametrize("kind", list(DriftKind))
@pytest.mark.parametrize("first_look", [True, False])
def test_every_drift_is_an_entry_with_an_event(kind: DriftKind, first_look: bool) -> None:
    (entry,) = drift_entries([_drift(kind)], first_look=first_look)
    quiet = first_look and kind is DriftKind.APPEARED
    assert entry == AuditEntry(
        subject="team",
        action=f"space.{kind.value}",
        before="a",
        after="b",
        reason="noted: why",
        emit_event=not quiet,
    )
    assert entry.action in EVENT_DESCRIPTIONS


@pytest.mark.parametrize(
    ("outcome", "entry"),
    [
        (
            success(narrow()),
            AuditEntry(
                subject="team",
                action="space.visibility-set",
                before="public",
                after="private",
                reason="Requested",
            ),
        ),
        (
            success(create("fresh", PUBLIC)),
            AuditEntry(subject="fresh", action="space.created", after="public", reason="Requested"),
        ),
        (
            failure(narrow(), Reason.READ_ONLY, "frozen"),
            AuditEntry(
                subject="team",
                action="space.change-failed",
                before="public",
                after="private",
                reason="ReadOnly: frozen",
            ),
        ),
    ],
)
def test_outcomes(outcome: ChangeResult, entry: AuditEntry) -> None:
    assert result_entries([outcome], NONE) == (entry,)
    assert entry.action in EVENT_DESCRIPTIONS


@pytest.mark.parametrize("reason", [Reason.UNCHANGED, Reason.NOT_FOUND])
def test_what_was_not_changed_is_not_written_down_as_changed(reason: Reason) -> None:
    assert result_entries([success(narrow(), reason)], NONE) == ()


@pytest.mark.parametrize(
    ("known_failure", "entry_count"),
    [
        (("team", "set-visibility", "Forbidden"), 0),
        (("team", "set-visibility", "ReadOnly"), 1),
        (("team", "create-space", "Forbidden"), 1),
        (("other", "set-visibility", "Forbidden"), 1),
    ],
)
def test_only_a_new_failure_is_written_down(
    known_failure: tuple[str, str, str], entry_count: int
) -> None:
    assert len(result_entries([failure(narrow())], frozenset({known_failure}))) == entry_count


HEALTHY, UNHEALTHY, DEGRADED, UNKNOWN = (
    Health.HEALTHY,
    Health.UNHEALTHY,
    Health.DEGRADED,
    Health.UNKNOWN,
)


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        (UNKNOWN, HEALTHY, None),
        (UNKNOWN, UNHEALTHY, "registry.unhealthy"),
        (UNKNOWN, DEGRADED, "registry.degraded"),
        (HEALTHY, UNHEALTHY, "registry.unhealthy"),
        (HEALTHY, DEGRADED, "registry.degraded"),
        (DEGRADED, UNHEALTHY, "registry.unhealthy"),
        (UNHEALTHY, DEGRADED, "registry.degraded"),
        (UNHEALTHY, HEALTHY, "registry.recovered"),
        (DEGRADED, HEALTHY, "registry.recovered"),
        (HEALTHY, UNKNOWN, None),
        (UNHEALTHY, UNKNOWN, None),
        (HEALTHY, HEALTHY, None),
        (UNHEALTHY, UNHEALTHY, None),
    ],
)
def test_changes_of_health(before: Health, after: Health, event: str | None) -> None:
    old, new = (
        HealthSummary(health=health, reason=Reason.TIMED_OUT, message="no answer")
        for health in (before, after)
    )
    entries = health_entries("prod", old, new)
    if event is None:
        assert entries == ()
        return
    assert entries == (
        AuditEntry(
            subject="prod",
            action=event,
            before=before.value,
            after=after.value,
            reason="TimedOut: no answer",
        ),
    )
    assert event in EVENT_DESCRIPTIONS
